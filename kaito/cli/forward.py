"""`kaito forward`: a local port through which any client talks to a workspace."""

from __future__ import annotations

import gc

from kaito.cli.args.parser import Parser
from kaito.cli.args.shared_flags import (
    add_cluster_flags,
    add_endpoint_flags,
    add_plugin_flags,
    add_shared_flags,
    settings_from,
)
from kaito.cli.invocation import Invocation
from kaito.endpoints.requested import choose_backends
from kaito.errors import ExitCode
from kaito.options import flag_values

_SUMMARY = (
    "Open a port on this machine through which any client that speaks OpenAI's protocol talks to a workspace, as if "
    "the model ran here. It stays open when the model's pod or the API server is restarted."
)

_EXAMPLES = """
    # Open port 8080, and use it
    kaito forward --workspace-name my-llama
    curl http://127.0.0.1:8080/v1/models
    OPENAI_BASE_URL=http://127.0.0.1:8080/v1 OPENAI_API_KEY=none my-program

    # Another port; 0 takes any that is free
    kaito forward --workspace-name my-llama --port 0

    # All replicas of an InferenceSet, each connection to the least busy one
    kaito forward --workspace-name inferenceset/my-set

    # For other machines, too
    kaito forward --workspace-name my-llama --address 0.0.0.0
"""

_PORT = 8080
_ADDRESS = "127.0.0.1"


def run(call: Invocation) -> int:
    """Run `kaito forward` until it is interrupted; return its exit code.

    Raises:
        KaitoError: it failed; nothing has been said of it yet.
        Interrupted: Ctrl-C.
    """
    terminal, plugins = call.terminal, call.plugins
    parser = make_parser(call)
    given = parser.parse(call.arguments)
    if given.help:
        terminal.write(parser.format_help())
        return ExitCode.OK
    settings = settings_from(given, call.environ)
    choose_backends(plugins, settings)
    from kaito.eventloop.thread import ThreadedLoop
    from kaito.forward.server import serve

    def ready(urls: list[str], label: str, backend: str) -> None:
        terminal.clear_status()
        for url in urls:
            terminal.write(f"Forwarding {url} -> {label} by {backend}\n")

    gc.freeze()
    gc.enable()
    with ThreadedLoop(terminal.tick if terminal.shows_status else None) as loop:
        loop.run(
            serve(
                lambda asked: choose_backends(plugins, asked),
                plugins,
                settings,
                terminal,
                address=given.address,
                port=given.port,
                ready=ready,
            )
        )
    return ExitCode.OK


def make_parser(call: Invocation) -> Parser:
    """Return the parser, with the flags of the plugins that take part, those that the command line names among them."""
    parser = Parser(call.command, _SUMMARY, _EXAMPLES)
    group = parser.add_argument_group("Flags for the port")
    group.add_argument(
        "--port",
        default=_PORT,
        metavar="NUMBER",
        type=flag_values.port("--port"),
        help="Local port; 0 takes any that is free",
    )
    group.add_argument(
        "--address",
        default=_ADDRESS,
        metavar="ADDRESS",
        type=flag_values.address("--address"),
        help="Local address; other machines are served only if it is not a loopback address",
    )
    add_cluster_flags(parser, waits=True)
    add_endpoint_flags(parser)
    add_shared_flags(parser)
    call.load_plugins(parser)
    add_plugin_flags(parser, call.plugins, "forward")
    return parser
