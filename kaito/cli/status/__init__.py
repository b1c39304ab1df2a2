"""`kaito status`: is a workspace ready, and if not why; or a table of all."""

from __future__ import annotations

import argparse
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from kaito.cli.args.parser import Parser
from kaito.cli.args.shared_flags import add_cluster_flags, add_shared_flags, target_from
from kaito.cli.invocation import Invocation
from kaito.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from kaito.cluster.api_client import ApiClient
    from kaito.cluster.workspaces.overview import Overview
    from kaito.eventloop.base import Loop
    from kaito.types import Target

_SUMMARY = (
    "Tell whether a workspace is ready, and if not why; without --workspace-name, list all. The exit code is 0 when "
    "the workspace is ready and 3 when it is not."
)

_EXAMPLES = """
    # Is it ready, and if not why?
    kaito status --workspace-name my-llama

    # All conditions, and the nodes
    kaito status --workspace-name my-llama --show-conditions --show-worker-nodes

    # Wait until it is ready, 30 minutes at most
    kaito status --workspace-name my-llama --wait=30m

    # An InferenceSet and its replicas, again after each change
    kaito status --workspace-name inferenceset/my-set --watch

    # All workspaces of the cluster, for a program to read
    kaito status -A -o json
"""

_OUTPUTS = ("plain", "json", "yaml")


def run(call: Invocation) -> int:
    """Run `kaito status`; return its exit code.

    Raises:
        KaitoError: it failed; nothing has been said of it yet.
        Interrupted: Ctrl-C, which is how `--watch` ends.
    """
    terminal = call.terminal
    parser = make_parser(call)
    given = parser.parse(call.arguments)
    if given.help:
        terminal.write(parser.format_help())
        return ExitCode.OK
    _check(given)
    # All is known to be sound: only now is anything contacted, or imported for it.
    from kaito.eventloop.thread import ThreadedLoop

    gc.freeze()
    gc.enable()
    target = target_from(given)
    with (
        ThreadedLoop(terminal.tick if terminal.shows_status else None) as loop,
        loop.hold(_connected(call, target)) as cluster,
    ):
        terminal.status("asking the API server")
        status = _Status(call, given, target, loop, cluster)
        if target.workspace is None:
            return status.watch_all() if given.watch else status.list_all()
        return status.watch_one() if given.watch else status.show_one()


@asynccontextmanager
async def _connected(call: Invocation, target: Target) -> AsyncIterator[ApiClient]:
    from kaito.cluster.api_client import ApiClient
    from kaito.cluster.auth.cluster_config import find_cluster_config

    async with ApiClient(find_cluster_config(target, call.environ, call.terminal), target.request_timeout) as cluster:
        yield cluster


class _Status:
    """One run, once it is connected."""

    def __init__(
        self, call: Invocation, given: argparse.Namespace, target: Target, loop: Loop, cluster: ApiClient
    ) -> None:
        from kaito.cli.status.as_data import table_data
        from kaito.cli.status.as_text import Describer, Table

        self._terminal = call.terminal
        self._given = given
        self._target = target
        self._loop = loop
        self._cluster = cluster
        self._describe = Describer(conditions=given.show_conditions, nodes=given.show_worker_nodes).describe
        self._table = Table(namespaces=given.all_namespaces)
        self._table_data = table_data

    def show_one(self) -> int:
        from kaito.cluster.workspaces.overview import look
        from kaito.cluster.workspaces.readiness import NotReady

        not_ready: NotReady | None = None
        if self._target.wait is not None:
            from kaito.cluster.workspaces.waiting import wait_until_ready

            try:
                self._loop.run(wait_until_ready(self._cluster, self._target, self._target.wait, self._terminal))
            except NotReady as exc:
                not_ready = exc
        found = self._loop.run(look(self._cluster, self._target, nodes=self._given.show_worker_nodes))
        self._terminal.write(self._one(found))
        if not_ready is not None:
            raise not_ready
        return ExitCode.OK if found.ready else ExitCode.NOT_FOUND

    def list_all(self) -> int:
        from kaito.cluster.workspaces.overview import look_over

        found = self._loop.run(look_over(self._cluster, everywhere=self._given.all_namespaces))
        self._terminal.clear_status()
        self._tell_if_none(found)
        if self._given.output != "plain":
            self._terminal.write(_dumped(self._table_data(found), self._given.output))
        elif found:
            self._terminal.write(self._table.add(found))
        return ExitCode.OK

    def watch_one(self) -> int:
        from kaito.cluster.workspaces.overview_watch import follow_one

        separator = ""
        nodes = self._given.show_worker_nodes
        for found in self._loop.stream(follow_one(self._cluster, self._target, self._terminal.notice, nodes=nodes)):
            self._terminal.write(separator + self._one(found, line=True))
            separator = "\n" if self._given.output == "plain" else ""
        return ExitCode.OK

    def watch_all(self) -> int:
        from kaito.cluster.workspaces.overview_watch import follow_table

        begun = False
        everywhere = self._given.all_namespaces
        for found in self._loop.stream(follow_table(self._cluster, self._terminal.notice, everywhere=everywhere)):
            self._terminal.clear_status()
            if not begun:
                self._tell_if_none(found)
            begun = True
            if self._given.output == "plain":
                self._terminal.write(self._table.add(found) if found else "")
            else:
                self._terminal.write("".join(self._one(entry, line=True) for entry in found))
        return ExitCode.OK

    def _one(self, found: Overview, *, line: bool = False) -> str:
        if self._given.output == "plain":
            return self._describe(found)
        from kaito.cli.status.as_data import overview_data

        return _dumped(overview_data(found), self._given.output, line=line)

    def _tell_if_none(self, found: list[Overview]) -> None:
        if not found:
            where = "" if self._given.all_namespaces else f" in namespace '{self._cluster.namespace}'"
            self._terminal.notice(f"No workspaces found{where}.")


def _dumped(data: Any, output: str, *, line: bool = False) -> str:
    """Return data as text. ASCII alone, so that no name or message can do anything to a terminal.

    Args:
        data: what the formats can hold.
        output: `json` or `yaml`.
        line: whether it is one of many: JSON is then one line, YAML a document with its mark.
    """
    if output == "json":
        import json

        return json.dumps(data, indent=None if line else 2) + "\n"
    import yaml

    return yaml.safe_dump(data, sort_keys=False, explicit_start=line)


def _check(given: argparse.Namespace) -> None:
    """Refuse what does not go together.

    Raises:
        UsageError: the message names the flag.
    """
    if given.output not in _OUTPUTS:
        raise UsageError(f"--output: '{given.output}' is not one of {', '.join(_OUTPUTS)}")
    named = given.workspace_name is not None
    for flag, is_given in (
        ("--wait", given.wait is not None),
        ("--show-conditions", given.show_conditions),
        ("--show-worker-nodes", given.show_worker_nodes),
    ):
        if is_given and not named:
            raise UsageError(f"{flag}: needs --workspace-name")
    if given.all_namespaces and named:
        raise UsageError("--all-namespaces: does not go with --workspace-name")
    if given.wait is not None and given.watch:
        raise UsageError("--wait: does not go with --watch")


def make_parser(call: Invocation) -> Parser:
    """Return the parser, once the plugins that the command line names are loaded."""
    parser = Parser(call.command, _SUMMARY, _EXAMPLES)
    group = parser.add_argument_group("Flags for what is shown")
    flag: Callable[..., Any] = group.add_argument
    flag("-o", "--output", default="plain", metavar="plain|json|yaml", help="How it is shown")
    flag("-w", "--watch", action="store_true", help="Show it again after each change, until Ctrl-C")
    flag("--show-conditions", action="store_true", help="Show all conditions, not only those that are not met")
    flag("--show-worker-nodes", action="store_true", help="Show the nodes, and whether they are ready")
    flag("-A", "--all-namespaces", action="store_true", help="List the workspaces of all namespaces")
    add_cluster_flags(parser, waits=True)
    add_shared_flags(parser)
    call.load_plugins(parser)
    return parser
