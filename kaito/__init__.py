"""A terminal client for the language models that KAITO serves in a Kubernetes cluster.

The names below are the public contract for plugins: the hook marker, the types, the errors, and the settings.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from kaito.cli.command_context import CommandContext
    from kaito.cluster.cluster import Cluster
    from kaito.errors import (
        ClusterError,
        ConflictError,
        ConnectError,
        ExitCode,
        ForbiddenError,
        KaitoError,
        ModelError,
        NotFoundError,
        PluginError,
        ShellHint,
        StreamError,
        UsageError,
        WindowError,
    )
    from kaito.hookspecs import Backend, Formatter, hookimpl
    from kaito.model import Model, connect
    from kaito.settings import Settings
    from kaito.shell.context import ShellContext
    from kaito.types import (
        Applied,
        Candidate,
        Cell,
        ChatRequest,
        Column,
        Command,
        ConversationInfo,
        Delta,
        Endpoint,
        Failure,
        Image,
        Location,
        Message,
        ModelInfo,
        OptionGroup,
        Origin,
        Rank,
        Reply,
        Reporter,
        ResponseSchema,
        Screen,
        ServedModel,
        SlashCommand,
        Target,
        ToolCall,
        Usage,
        Waiting,
    )

__all__ = [
    "Applied",
    "Backend",
    "Candidate",
    "Cell",
    "ChatRequest",
    "Cluster",
    "ClusterError",
    "Column",
    "Command",
    "CommandContext",
    "ConflictError",
    "ConnectError",
    "ConversationInfo",
    "Delta",
    "Endpoint",
    "ExitCode",
    "Failure",
    "ForbiddenError",
    "Formatter",
    "Image",
    "KaitoError",
    "Location",
    "Message",
    "Model",
    "ModelError",
    "ModelInfo",
    "NotFoundError",
    "OptionGroup",
    "Origin",
    "PluginError",
    "Rank",
    "Reply",
    "Reporter",
    "ResponseSchema",
    "Screen",
    "ServedModel",
    "Settings",
    "ShellContext",
    "ShellHint",
    "SlashCommand",
    "StreamError",
    "Target",
    "ToolCall",
    "Usage",
    "UsageError",
    "Waiting",
    "WindowError",
    "__version__",
    "connect",
    "hookimpl",
]


# The cheapest to import first.
_MODULES = ("kaito.errors", "kaito.hookspecs", "kaito.settings", "kaito.types")
#: Names whose modules import much: the shell, the client or the cluster.
_LARGE = {
    "Cluster": "kaito.cluster.cluster",
    "CommandContext": "kaito.cli.command_context",
    "Model": "kaito.model",
    "ShellContext": "kaito.shell.context",
    "connect": "kaito.model",
}


def __getattr__(name: str) -> object:
    # Imported on first use: `kaito --version` reads this module and needs none of them.
    if name in _LARGE:
        return getattr(import_module(_LARGE[name]), name)
    if name in __all__:
        for module in map(import_module, _MODULES):
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
