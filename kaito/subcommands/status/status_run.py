"""Runs `kaito status` once its options are valid: connects to the API server, and writes what it reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from kaito.cli.output_formats import as_json, as_yaml
from kaito.cluster.api_client import ApiClient
from kaito.cluster.auth.cluster_config import find_cluster_config
from kaito.cluster.workspaces.lookup import all_workspaces_hint
from kaito.cluster.workspaces.overview import Overview, fetch_overview, list_overviews
from kaito.cluster.workspaces.overview_watch import watch_overview, watch_overviews
from kaito.cluster.workspaces.readiness import NotReadyError, status_hint
from kaito.cluster.workspaces.waiting import wait_until_ready
from kaito.console.terminal import Terminal
from kaito.errors import ExitCode
from kaito.eventloop.base import Loop
from kaito.eventloop.thread import ThreadedLoop
from kaito.subcommands.status.as_data import overview_data, table_data
from kaito.subcommands.status.as_text import Describer, Table
from kaito.types import Target
from kaito.util.program import program_name


class StatusOptions(Struct, frozen=True, kw_only=True):
    """The flags of `kaito status`."""

    #: Without a workspace in it, a table of all workspaces is shown.
    target: Target
    #: `plain`, `wide`, `json` or `yaml`.
    output: str
    watch: bool
    #: Whether to show also the conditions that are met.
    conditions: bool
    nodes: bool
    all_namespaces: bool


def show_status(options: StatusOptions, terminal: Terminal, environ: Mapping[str, str]) -> int:
    """Show the status; return the exit code.

    Raises:
        KaitoError: the workspace does not exist, or the API server returned an error or cannot be reached.
        Interrupted: Ctrl-C.
    """
    target = options.target
    config = find_cluster_config(target, environ, terminal)
    with (
        ThreadedLoop(terminal.tick if terminal.shows_status else None) as loop,
        loop.hold(ApiClient(config, terminal, target.request_timeout)) as cluster,
    ):
        terminal.status("asking the API server")
        view = _StatusView(options, terminal, loop, cluster)
        if target.workspace is None:
            return view.watch_table() if options.watch else view.show_table()
        return view.watch_one() if options.watch else view.show_one()


class _StatusView:
    """Writes the status to the terminal."""

    def __init__(self, options: StatusOptions, terminal: Terminal, loop: Loop, cluster: ApiClient) -> None:
        self._options = options
        self._target = options.target
        self._terminal = terminal
        self._loop = loop
        self._cluster = cluster
        self._is_text = options.output in ("plain", "wide")
        page = terminal.page(wide=options.output == "wide")
        self._place = cluster.config.location().in_cluster
        self._describer = Describer(
            conditions=options.conditions, nodes=options.nodes, context=dict(self._place)["context"], page=page
        )
        self._table = Table(namespaces=options.all_namespaces, page=page)

    def show_one(self) -> int:
        not_ready: NotReadyError | None = None
        if self._target.wait is not None:
            try:
                self._loop.run(wait_until_ready(self._cluster, self._target, self._target.wait, self._terminal))
            except NotReadyError as exc:
                not_ready = exc
        overview = self._loop.run(fetch_overview(self._cluster, self._target, nodes=self._options.nodes))
        self._terminal.write(self._format(overview))
        self._remark(self._describer.remark)
        if not_ready is not None:
            known = status_hint(self._target)
            raise NotReadyError(not_ready.message, *(hint for hint in not_ready.hints if hint != known))
        return ExitCode.OK if overview.ready else ExitCode.NOT_FOUND

    def show_table(self) -> int:
        overviews = self._loop.run(list_overviews(self._cluster, all_namespaces=self._options.all_namespaces))
        self._terminal.clear_status()
        self._show_location()
        self._note_if_empty(overviews)
        if not self._is_text:
            self._terminal.write(_serialized(table_data(overviews), self._options.output))
        elif overviews:
            self._terminal.write(self._table.add(overviews))
            self._remark(self._table.remark)
        return ExitCode.OK

    def watch_one(self) -> int:
        separator = ""
        overviews = watch_overview(self._cluster, self._target, self._terminal.notice, nodes=self._options.nodes)
        for overview in self._loop.stream(overviews):
            self._terminal.write(separator + self._format(overview, in_stream=True))
            separator = "\n" if self._is_text else ""
        return ExitCode.OK

    def watch_table(self) -> int:
        is_first = True
        changes = watch_overviews(self._cluster, self._terminal.notice, all_namespaces=self._options.all_namespaces)
        for changed in self._loop.stream(changes):
            self._terminal.clear_status()
            if is_first:
                self._show_location()
                self._note_if_empty(changed)
            is_first = False
            if self._is_text:
                self._terminal.write(self._table.add(changed) if changed else "")
            else:
                self._terminal.write("".join(self._format(entry, in_stream=True) for entry in changed))
        return ExitCode.OK

    def _format(self, overview: Overview, *, in_stream: bool = False) -> str:
        if self._is_text:
            return self._describer.describe(overview)
        return _serialized(overview_data(overview), self._options.output, in_stream=in_stream)

    def _show_location(self) -> None:
        """Show at a terminal which cluster the table is of. A script reads the table only."""
        if self._is_text and self._terminal.out_is_terminal:
            self._terminal.show_location(self._place[:1] if self._options.all_namespaces else self._place)

    def _remark(self, text: str) -> None:
        if text and self._is_text:
            self._terminal.note(text, dim=True)

    def _note_if_empty(self, overviews: Sequence[Overview]) -> None:
        if overviews:
            return
        where = "" if self._options.all_namespaces else f" in namespace '{self._cluster.namespace}'"
        self._terminal.notice(f"No workspaces found{where}.")
        if self._is_text and self._terminal.out_is_terminal:
            if self._options.all_namespaces:
                hint = f"To deploy a model, see '{program_name()} deploy --help'"
            else:
                hint = all_workspaces_hint(self._cluster)
            self._terminal.notice(f"   {hint}")


def _serialized(data: Any, output: str, *, in_stream: bool = False) -> str:
    return (as_json if output == "json" else as_yaml)(data, in_stream=in_stream)
