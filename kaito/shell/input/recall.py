"""The entries that the up-arrow recalls: those of the line editor, saved in the history file."""

from __future__ import annotations

from collections.abc import Callable

from kaito.errors import KaitoError
from kaito.shell.input.entries import BLOCK_MARK, Block, Entry, Kind, begin
from kaito.shell.input.input_history import History
from kaito.shell.input.line_editor import LineEditor


class Recall:
    """Adds entries to the line editor and to the history file. Without an editor it does nothing.

    Args:
        history: the saved entries of earlier runs; `None` keeps them for this run only.
        report: called once with the error when the file cannot be used.
    """

    def __init__(
        self, editor: LineEditor | None, history: History | None, report: Callable[[KaitoError], object]
    ) -> None:
        self._editor = editor
        self._history = history if editor is not None else None
        self._report = report
        if editor is not None and history is not None:
            try:
                for entry in history.load():
                    editor.remember(entry)
            except KaitoError as exc:
                self._stop_saving(exc)

    def add(self, entry: str) -> None:
        """Add an entry as it was typed, unless it begins with a blank, as in shells."""
        if self._editor is None or not entry.strip() or entry[0].isspace():
            return
        if self._editor.remember(entry) and self._history is not None:
            try:
                self._history.add(entry)
            except KaitoError as exc:
                self._stop_saving(exc)

    def add_message(self, text: str) -> None:
        """Add a message that was written elsewhere, in the form in which it can be typed."""
        self.add(typed_form(Entry(Kind.MESSAGE, text), text))

    def _stop_saving(self, exc: KaitoError) -> None:
        self._history = None
        self._report(exc)


def typed_form(entry: Entry, typed: str) -> str:
    """Return what to type, as one piece, to get an entry: as it was typed if that means the same."""
    block = f"{BLOCK_MARK}\n{entry.text}\n{BLOCK_MARK}"
    for text in (typed, block, entry.text):
        begun = begin(text)
        if (begun.entry if isinstance(begun, Block) and begun.closed else begun) == entry:
            return text
    return typed
