"""Shows the output of slash commands on stdout, or on stderr if the formatter keeps stdout for answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kaito.console.columns import Page, TextTable
from kaito.console.terminal import Terminal
from kaito.console.wrapping import fitting
from kaito.shell.render.answer_writer import AnswerWriter
from kaito.types import Column, Row
from kaito.util.sanitize import sanitize

#: Lines of a message that are shown when the user has not typed it.
_MAX_LINES = 100


class CommandOutput:
    """The output of slash commands; see the methods of :class:`~kaito.ShellContext` with the same names."""

    def __init__(self, terminal: Terminal, answers: AnswerWriter) -> None:
        self._terminal = terminal
        self._answers = answers

    def write(self, text: str, *, hang: int | None = None) -> None:
        """Show a text without control sequences; with `hang`, its long lines are broken at a terminal."""
        text = sanitize(text)
        if hang is not None and (page := self._terminal.page()).window is not None:
            text = fitting(text, page.window(), hang)
        self._show(text)

    def write_typed(self, text: str) -> None:
        """Show a text in the colour of what the user types."""
        if self._answers.exclusive_stdout:
            self._show(sanitize(f"> {text}\n"))
        else:
            self._terminal.write_typed(text)

    def write_table(self, columns: Sequence[Column], rows: Iterable[Row | str]) -> None:
        """Show a table that fits the window."""
        page = Page() if self._answers.exclusive_stdout else self._terminal.page()
        self._show(TextTable(columns, page, keeps_all=True).add(rows))

    def show_message(self, text: str) -> None:
        """Show a message as if it had been typed at the prompt; of a long one the beginning."""
        lines = text.strip("\n").split("\n")
        self._terminal.show_typed("\n".join(lines[:_MAX_LINES]))
        if more := lines[_MAX_LINES:]:
            self._terminal.note(f"(and {len(more)} more line{'s' * (len(more) != 1)})", dim=True)

    def _show(self, text: str) -> None:
        if self._answers.exclusive_stdout:
            self._terminal.note(text.removesuffix("\n"))
        else:
            self._terminal.write(text)
