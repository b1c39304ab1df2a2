"""What subcommands can use, those of kaito and of plugins alike."""

from __future__ import annotations

import argparse
from collections.abc import AsyncGenerator, Coroutine, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack
from functools import cached_property
from inspect import iscoroutine
from typing import TYPE_CHECKING, Any, TypeVar

from kaito.cli.args.shared_flags import settings_from, unfilled_prompt
from kaito.cli.invocation import Invocation
from kaito.cli.output_formats import as_json, as_plain, as_yaml
from kaito.console.columns import Page, TextTable
from kaito.plugin.manager import Offered
from kaito.settings import Settings
from kaito.types import Column, Command, Reporter, Row
from kaito.util.program import program_name
from kaito.util.sanitize import sanitize

if TYPE_CHECKING:
    from kaito.cluster.cluster import Cluster
    from kaito.eventloop.base import Loop
    from kaito.model import Model

T = TypeVar("T")


class CommandContext:
    """One run of a subcommand; the argument of `Command.run`.

    The constructor's arguments are kaito's own, as are the attributes `invocation` and `given`: a plugin's command gets
    a context and uses its other members.

    Args:
        resources: closed when the subcommand has ended.
    """

    def __init__(
        self, invocation: Invocation, given: argparse.Namespace, offered: Offered[Command], resources: ExitStack
    ) -> None:
        self.invocation = invocation
        self.given = given
        self._plugin = offered.plugin
        self._command = offered.value
        self._resources = resources

    # What the user gave

    @cached_property
    def settings(self) -> Settings:
        """The parsed flags, with this plugin's options: where the model is, how it is reached, and so on.

        Raises:
            UsageError: they contradict each other, or a file that they name cannot be used.
        """
        settings = settings_from(self.given, self.invocation.environ)
        self.invocation.terminal.remark(unfilled_prompt(self.given))
        return self.invocation.plugins.settings_for(self._plugin, settings)

    def option(self, name: str) -> Any:
        """Return the value of one of the subcommand's own options: `port` for `--port`, `name` for `NAME`.

        Raises:
            LookupError: it has no such option.
        """
        return self.invocation.plugins.settings_for(self._plugin, Settings()).option(name)

    @property
    def output(self) -> str:
        """The value of `-o`; `plain` without one."""
        return str(getattr(self.given, "output", None) or "plain")

    @property
    def program(self) -> str:
        """The program as the user entered it, `kaito` or `kubectl kaito`, for commands to paste."""
        return program_name()

    # Output

    def write(self, text: str) -> None:
        """Write a text to stdout. Control sequences are removed.

        Raises:
            OutputClosed: nobody reads stdout any more.
            KaitoError: it cannot be written, for example to a full disk.
        """
        self.invocation.terminal.write(sanitize(text))

    def write_object(self, data: Any) -> None:
        """Write data to stdout as `-o` says: one JSON or YAML document, or plain text.

        Args:
            data: any value that JSON can hold. As plain text, a mapping is one line for each value, and a list of
                mappings is a table.

        Raises:
            KaitoError: as :meth:`write`.
        """
        if (serialized := {"json": as_json, "yaml": as_yaml}.get(self.output)) is not None:
            self.invocation.terminal.write(serialized(data))
        else:
            self._write_fitting(*as_plain(data, self._page, keeps_all=self._keeps_all))

    def write_table(self, columns: Sequence[Column], rows: Iterable[Row | str]) -> None:
        """Write a table to stdout for people: for `-o plain` and `-o wide`.

        At a terminal, no line is longer than the window. Columns that do not fit are left out if the command offers
        `-o wide`, which shows them; otherwise they are below their row.

        Args:
            columns: the last may have empty cells; in the others they are shown as `-`.
            rows: their cells: texts, or a :class:`~kaito.types.Cell` for one whose colour has a meaning. A text in
                place of a row is another line of the last column of the row above. Control sequences are removed.

        Raises:
            KaitoError: as :meth:`write`.
        """
        table = TextTable(columns, self._page, keeps_all=self._keeps_all)
        text = table.add(rows)
        self._write_fitting(text, table.remark)

    @property
    def _page(self) -> Page:
        return self.invocation.terminal.page(wide=self.output == "wide")

    @property
    def _keeps_all(self) -> bool:
        return "wide" not in self._command.outputs

    def _write_fitting(self, text: str, remark: str) -> None:
        self.invocation.terminal.write(text)
        if remark and not self._keeps_all:
            self.invocation.terminal.note(remark, dim=True)

    def notice(self, text: str) -> None:
        """Write a line to stderr. Control sequences are removed."""
        self.invocation.terminal.notice(text)

    @property
    def reporter(self) -> Reporter:
        """Shows progress: its `status` is a line on a terminal's stderr for as long as it is true."""
        return self.invocation.terminal

    # Asynchronous work

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the event loop and return its result. All calls use the same loop.

        Raises:
            Interrupted: Ctrl-C; the coroutine was cancelled and has cleaned up. Let it pass: the exit code is 130.
        """
        given: object = coroutine
        if not iscoroutine(given):
            raise TypeError(f"wait takes a coroutine, not {type(given).__name__}: await it in an async function")
        return self._loop.run(coroutine)

    def stream(self, source: AsyncGenerator[T, None]) -> Iterator[T]:
        """Yield what an asynchronous generator yields; otherwise as :meth:`wait`."""
        return self._loop.stream(source)

    @cached_property
    def _loop(self) -> Loop:
        from kaito.eventloop.thread import ThreadedLoop

        terminal = self.invocation.terminal
        tick = terminal.tick if terminal.shows_status else None
        report = terminal.notice if self.given.verbose else None
        return self._resources.enter_context(ThreadedLoop(tick, report=report))

    def connect(self) -> AbstractAsyncContextManager[Model]:
        """Connect to the model that the flags name, as `kaito chat` does: same backends, retries and redaction.

        Use it in a coroutine: `async with context.connect() as model`. The command has `connects=True`.

        Raises:
            UsageError: the flags do not name a model, or name one in an impossible way.
            KaitoError: no endpoint can be used.
        """
        if not self._command.connects:
            raise TypeError(f"the subcommand '{self._command.name}' needs connects=True to use connect()")
        from kaito.model import open_model

        return open_model(self.settings, self.invocation.plugins, self.reporter)

    def cluster(self) -> AbstractAsyncContextManager[Cluster]:
        """Connect to the cluster that the flags name, with the user's credentials.

        Use it in a coroutine: `async with context.cluster() as cluster`. The command has `cluster=True`.

        Raises:
            KaitoError: no cluster is configured, or its configuration is not valid.
        """
        if not (self._command.connects or self._command.cluster):
            raise TypeError(f"the subcommand '{self._command.name}' needs cluster=True to use cluster()")
        from kaito.cluster.cluster import open_cluster

        return open_cluster(self.settings.target, self.reporter)
