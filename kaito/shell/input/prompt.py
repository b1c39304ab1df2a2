"""The prompt: a source of entries that the user types and edits."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from kaito.console.questions import end_key
from kaito.console.terminal import Terminal
from kaito.errors import Ended, KaitoError, Suspended
from kaito.shell.input.entries import Entry, Kind
from kaito.shell.input.line_editor import Complete, LineEditor
from kaito.shell.input.recall import Recall, typed_form
from kaito.shell.input.sources import PROMPT, BadLineError, Source


class Prompt(Source):
    """Reads what is typed at a terminal.

    Args:
        editor: edits the line; `None` where there is no line editing.
    """

    def __init__(self, terminal: Terminal, editor: LineEditor | None, recall: Recall, complete: Complete) -> None:
        self._terminal = terminal
        self._editor = editor
        self._recall = recall
        self._complete = complete
        self._typed: list[str] = []
        self._hinted = False

    def read(self) -> Entry:
        """Return the next entry, and remember it; see :meth:`Source.read`."""
        self._typed.clear()
        try:
            entry = super().read()
        except KaitoError:
            self._recall.add("\n".join(self._typed))
            raise
        if entry.kind is not Kind.NOTHING:
            self._recall.add(typed_form(entry, "\n".join(self._typed)))
        return entry

    def _line(self, prompt: str) -> str:
        try:
            line = self._edited(prompt) if self._editor or self._terminal.out_is_terminal else self._unedited(prompt)
        except UnicodeDecodeError as exc:
            text = exc.object.decode(errors="replace")
            self._typed.append(text)
            raise BadLineError("The input is not UTF-8", text) from None
        except OSError:  # the terminal was closed
            raise EOFError from None
        except KeyboardInterrupt:
            self._hint_how_to_exit(prompt)
            raise
        except Ended:
            with suppress(KaitoError):
                self._terminal.write_interactive("\n")
            raise
        self._typed.append(line)
        return line

    def _edited(self, prompt: str) -> str:
        if self._editor is not None:
            line = self._editor.read(prompt, self._complete if prompt == PROMPT else None)
        else:
            line = self._resumable(lambda color: self._asked(color, prompt))
        # A single line that was pasted with its newline may be a command.
        line = line.removesuffix("\n")
        # A locale without UTF-8 passes the bytes on undecoded.
        return line.encode("utf-8", "surrogateescape").decode()

    def _asked(self, color: str, prompt: str) -> str:
        # Not in the prompt: a console might show the sequence.
        if color:
            # If the terminal is gone, reading from it will fail.
            with suppress(KaitoError):
                self._terminal.write_interactive(color)
        return input(prompt)

    def _unedited(self, prompt: str) -> str:
        def ask(color: str) -> str:
            self._terminal.write_interactive(f"{color}{prompt}")
            line = self._terminal.stdin.readline() if self._terminal.stdin else ""
            if not line:
                raise EOFError
            return line.removesuffix("\n")

        return self._resumable(ask)

    def _resumable(self, ask: Callable[[str], str]) -> str:
        """Ask for a line, and again after Ctrl-Z: the system discards what was typed.

        Args:
            ask: called with the sequence that colours what is typed.
        """
        while True:
            try:
                with self._terminal.typing() as color, self._terminal.waiting_for_a_key():
                    return ask(color)
            except Suspended as exc:
                exc.stop()
            except EOFError:
                self._terminal.write_interactive("\n")
                raise

    def _hint_how_to_exit(self, prompt: str) -> None:
        is_empty = prompt == PROMPT and (self._editor is None or not self._editor.typed)
        if is_empty and not self._hinted:
            self._hinted = True
            self._terminal.write_interactive("\n")
            self._terminal.note(f"({end_key()} or 'quit' exits)", dim=True)
