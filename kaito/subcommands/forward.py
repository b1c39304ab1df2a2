"""`kaito forward`: a local OpenAI-compatible port in front of a workspace."""

from __future__ import annotations

from collections.abc import Iterable

from kaito import hookimpl
from kaito.cli.args.plugin_options import PluginOptions
from kaito.cli.command_context import CommandContext
from kaito.console.wrapping import window_columns, wrapped
from kaito.endpoints.backend_choice import choose_backends
from kaito.forward.origins import allowed_origin
from kaito.options import flag_values
from kaito.plugin.built_in import SUBCOMMANDS
from kaito.types import Command
from kaito.util.program import program_name

_DESCRIPTION = (
    "Open a local port in front of a workspace. OpenAI-compatible clients can use it as if the model ran on this "
    "machine. The port stays open when the model's pod or the API server is restarted. Requests pass unchanged: "
    "plugins that redact what 'kaito chat' sends do not see them."
)

_EXAMPLES = """
    # Open port 8080 and use it
    kaito forward --workspace-name my-llama
    curl http://127.0.0.1:8080/v1/models
    OPENAI_BASE_URL=http://127.0.0.1:8080/v1 OPENAI_API_KEY=none my-program

    # Use any free port
    kaito forward --workspace-name my-llama --port 0

    # Forward to all replicas of an InferenceSet; each connection uses the least busy one
    kaito forward --workspace-name inferenceset/my-set

    # Allow a desktop app that is built like a browser
    kaito forward --workspace-name my-llama --allow-origin app://obsidian.md

    # Allow connections from other machines
    kaito forward --workspace-name my-llama --address 0.0.0.0
"""

_PORT = 8080
_ADDRESS = "127.0.0.1"


def _run(context: CommandContext) -> None:
    terminal, plugins, given = context.invocation.terminal, context.invocation.plugins, context.given
    settings = context.settings
    choose_backends(plugins, settings)
    # All arguments are valid. Only now are aiohttp and asyncio imported.
    from kaito.eventloop.thread import ThreadedLoop
    from kaito.forward.server import serve

    if names := ", ".join(plugins.protecting):
        terminal.notice(f"Requests to this port are not redacted; '{program_name()} chat' passes them to {names}")

    def ready(url: str, name: str, backend: str) -> None:
        terminal.clear_status()
        text = f"Forwarding {url} -> {name} via {backend}\n"
        terminal.write(wrapped(text, window_columns()) if terminal.out_is_terminal else text)

    with ThreadedLoop(terminal.tick if terminal.shows_status else None) as loop:
        serving = serve(
            plugins,
            settings,
            terminal,
            address=given.address,
            port=given.port,
            origins=given.allow_origin,
            ready=ready,
        )
        loop.run(serving)


def _add_options(options: PluginOptions) -> None:
    group = options.parser.add_argument_group("Flags for the local port")
    group.add_argument(
        "--port",
        default=_PORT,
        metavar="NUMBER",
        type=flag_values.port("--port"),
        help="Port to listen on; 0 for any free one",
    )
    group.add_argument(
        "--address",
        default=_ADDRESS,
        metavar="ADDRESS",
        type=flag_values.address("--address"),
        help="IP address to listen on; other machines can connect unless it is a loopback address",
    )
    group.add_argument(
        "--allow-origin",
        action="append",
        default=[],
        metavar="ORIGIN",
        type=allowed_origin("--allow-origin"),
        help="Allow requests of this desktop app or web page, such as app://obsidian.md, or vscode-webview:// for all "
        "of a scheme; may be repeated",
    )


@hookimpl
def kaito_commands() -> Iterable[Command]:
    """Return `forward`."""
    return [
        Command(
            name="forward",
            summary=SUBCOMMANDS["forward"],
            description=_DESCRIPTION,
            examples=_EXAMPLES,
            options=_add_options,
            connects=True,
            run=_run,
        )
    ]
