"""`kaito status`: shows whether a workspace is ready, and why not; or a table of all workspaces."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from typing import Any

from kaito import hookimpl
from kaito.cli.args.plugin_options import PluginOptions
from kaito.cli.args.shared_flags import add_cluster_flags, target_from
from kaito.cli.command_context import CommandContext
from kaito.errors import UsageError
from kaito.plugin.built_in import SUBCOMMANDS
from kaito.types import Command

_DESCRIPTION = (
    "Show whether a workspace is ready, and why not. Without --workspace-name, list all workspaces of the namespace. "
    "The exit code is 0 when the workspace is ready and 3 when it is not."
)

_EXAMPLES = """
    # Show whether a workspace is ready, and why not
    kaito status --workspace-name my-llama

    # Show all conditions, and the nodes
    kaito status --workspace-name my-llama --show-conditions --show-worker-nodes

    # Wait until it is ready, for at most 30 minutes
    kaito status --workspace-name my-llama --wait=30m

    # Show an InferenceSet and its replicas, again after each change
    kaito status --workspace-name inferenceset/my-set --watch

    # Write the workspaces of all namespaces as JSON
    kaito status -A -o json
"""

_OUTPUTS = ("plain", "wide", "json", "yaml")


def _run(context: CommandContext) -> int:
    given = context.given
    _validate(given)
    # All arguments are valid. Only now are aiohttp and asyncio imported.
    from kaito.subcommands.status.status_run import StatusOptions, show_status

    options = StatusOptions(
        target=target_from(given),
        output=given.output,
        watch=given.watch,
        conditions=given.show_conditions,
        nodes=given.show_worker_nodes,
        all_namespaces=given.all_namespaces,
    )
    return show_status(options, context.invocation.terminal, context.invocation.environ)


def _validate(given: argparse.Namespace) -> None:
    """Check combinations of flags.

    Raises:
        UsageError: the message names the flag.
    """
    if given.output not in _OUTPUTS:
        raise UsageError(f"--output: '{given.output}' is not one of {', '.join(_OUTPUTS)}")
    if given.workspace_name is None:
        for flag, is_given in (
            ("--wait", given.wait is not None),
            ("--show-conditions", given.show_conditions),
            ("--show-worker-nodes", given.show_worker_nodes),
        ):
            if is_given:
                raise UsageError(f"{flag}: requires --workspace-name")
    elif given.all_namespaces:
        raise UsageError("--all-namespaces: cannot be used with --workspace-name")
    if given.wait is not None and given.watch:
        raise UsageError("--wait: cannot be used with --watch")


def _add_options(options: PluginOptions) -> None:
    parser = options.parser
    group = parser.add_argument_group("Flags for the output")
    flag: Callable[..., Any] = group.add_argument
    flag("-o", "--output", default="plain", metavar="plain|wide|json|yaml", help="Output format")
    flag("-w", "--watch", action="store_true", help="Show the status again after each change, until Ctrl-C")
    flag("--show-conditions", action="store_true", help="Show all conditions, not only those that are not met")
    flag("--show-worker-nodes", action="store_true", help="Show the nodes and whether they are ready")
    flag("-A", "--all-namespaces", action="store_true", help="List the workspaces of all namespaces")
    add_cluster_flags(parser, waits=True)


@hookimpl
def kaito_commands() -> Iterable[Command]:
    """Return `status`."""
    return [
        Command(
            name="status",
            summary=SUBCOMMANDS["status"],
            description=_DESCRIPTION,
            examples=_EXAMPLES,
            options=_add_options,
            configurable_workspace=False,
            run=_run,
        )
    ]
