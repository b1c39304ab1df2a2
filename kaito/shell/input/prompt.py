"""A person at a terminal, whose entries can be edited and taken again."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress

from kaito.console.terminal import Terminal
from kaito.errors import Ended, KaitoError, Suspended
from kaito.shell.input.entries import BLOCK_MARK, Block, Entry, Kind, begin
from kaito.shell.input.input_history import History
from kaito.shell.input.line_editor import line_editor
from kaito.shell.input.sources import PROMPT, Source, SpoiltLineError


class Prompt(Source):
    """Reads what is typed, with line editing where there is any.

    Args:
        terminal: where the prompt is shown.
        history: what was typed in earlier runs, and where to keep what is; `None` keeps it until the end of this one.
    """

    def __init__(self, terminal: Terminal, history: History | None = None) -> None:
        self._terminal = terminal
        self._editor = line_editor(terminal)
        self._history = history if self._editor is not None else None
        self._typed: list[str] = []
        self._hinted = False
        if self._editor is not None and self._history is not None:
            try:
                for entry in self._history.load():
                    self._editor.remember(entry)
            except KaitoError as exc:
                self._without_history(exc)

    def read(self) -> Entry:
        self._typed.clear()
        try:
            entry = super().read()
        except KaitoError:
            self._remember("\n".join(self._typed))
            raise
        if entry.kind is not Kind.NOTHING:
            self._remember(_again(entry, "\n".join(self._typed)))
        return entry

    def remember(self, text: str) -> bool:
        self._remember(_again(Entry(Kind.MESSAGE, text), text))
        return self._editor is not None

    def _remember(self, entry: str) -> None:
        # As shells have it, a blank before it keeps a line to oneself.
        if self._editor is None or not entry.strip() or entry[0].isspace():
            return
        is_new = self._editor.remember(entry)
        if is_new and self._history is not None:
            try:
                self._history.add(entry)
            except KaitoError as exc:
                self._without_history(exc)

    def _without_history(self, exc: KaitoError) -> None:
        self._history = None
        self._terminal.shortcoming(exc)

    # Lines

    def _line(self, prompt: str) -> str:
        try:
            line = self._edited(prompt) if self._editor or self._terminal.out_is_terminal else self._unedited(prompt)
        except UnicodeDecodeError as exc:
            text = exc.object.decode(errors="replace")
            self._typed.append(text)
            raise SpoiltLineError("what was typed is not UTF-8", text) from None
        except OSError:  # the terminal has gone
            raise EOFError from None
        except KeyboardInterrupt:
            self._tell_how_to_leave(prompt)
            raise
        except Ended:
            with suppress(KaitoError):
                self._terminal.write_interactive("\n")
            raise
        self._typed.append(line)
        return line

    def _edited(self, prompt: str) -> str:
        if self._editor is not None:
            line = self._editor.read(prompt, self.complete if prompt == PROMPT else None)
        else:
            line = self._uninterrupted(lambda: input(prompt))
        # A line that was pasted with its end is a line still: a word in it may be a command.
        line = line.removesuffix("\n")
        # In a locale without the letter, its bytes come as they are; they are UTF-8 all the same.
        return line.encode("utf-8", "surrogateescape").decode()

    def _unedited(self, prompt: str) -> str:
        def ask() -> str:
            self._terminal.write_interactive(prompt)
            line = self._terminal.stdin.readline() if self._terminal.stdin else ""
            if not line:
                raise EOFError
            return line.removesuffix("\n")

        return self._uninterrupted(ask)

    def _uninterrupted(self, ask: Callable[[], str]) -> str:
        """Ask for a line, and again when the process goes on after Ctrl-Z; the system throws away what was typed."""
        while True:
            try:
                with self._terminal.waiting_for_a_key():
                    return ask()
            except Suspended as exc:
                exc.stop()
            except EOFError:
                self._terminal.write_interactive("\n")
                raise

    def _tell_how_to_leave(self, prompt: str) -> None:
        is_empty = prompt == PROMPT and (self._editor is None or not self._editor.typed)
        if is_empty and not self._hinted:
            self._hinted = True
            self._terminal.write_interactive("\n")
            ways = "Ctrl-Z and Enter, or 'quit'," if sys.platform == "win32" else "Ctrl-D or 'quit'"
            self._terminal.note(f"({ways} leaves)", dim=True)


def _again(entry: Entry, typed: str) -> str:
    """Return what is to be typed to get an entry: as it was, if that in one piece means the same."""
    block = f"{BLOCK_MARK}\n{entry.text}\n{BLOCK_MARK}"
    for text in (typed, block, entry.text):
        begun = begin(text)
        if (begun.entry if isinstance(begun, Block) and begun.closed else begun) == entry:
            return text
    return typed
