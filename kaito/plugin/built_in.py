"""The names of the modules that are kaito's own plugins. None of them is imported before it is needed."""

from __future__ import annotations

#: In the order in which their hooks are called.
PLUGINS = (
    "kaito.endpoints.backends.url",
    "kaito.endpoints.backends.cluster_dns",
    "kaito.endpoints.backends.ingress",
    "kaito.endpoints.backends.port_forward",
    "kaito.endpoints.backends.api_proxy",
    "kaito.formatters.plain",
    "kaito.formatters.text",
    "kaito.formatters.json",
    "kaito.shell.commands.turns",
    "kaito.shell.commands.sessions",
    "kaito.shell.commands.preferences",
    "kaito.shell.commands.files",
    "kaito.shell.commands.clipboard_commands",
)

#: The subcommands and their summaries. Each is a plugin of its own, which is imported when it runs.
SUBCOMMANDS = {
    "chat": "Chat with a model: at a prompt, with a script, or one message",
    "forward": "Open a local port to a workspace's model for any other client",
    "status": "Show whether a workspace is ready, and if not, why",
    "get-endpoint": "Print the URL of a workspace's model for other programs",
    "history": "List, search, show, export and delete past conversations",
    "models": "List the models that a cluster offers, and those that it serves",
    "deploy": "Deploy a model: create a Workspace or an InferenceSet",
    "config": "Show the configuration and where each value comes from, or edit its file",
    "plugins": "List the plugins, what they provide, and which were skipped",
    "completion": "Print the script that adds completion to a shell",
}

#: Examples for `kaito --help`.
EXAMPLES = """\
# Chat with the model of a workspace
kaito chat --workspace-name my-llama

# Send one message
kaito chat --workspace-name my-llama -m "What is machine learning?"

# Without a cluster: any OpenAI-compatible server
kaito chat --endpoint http://localhost:8080
"""


def subcommand_module(name: str) -> str:
    """Return the module of a built-in subcommand."""
    return f"kaito.subcommands.{name.replace('-', '_')}"
