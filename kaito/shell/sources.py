"""Where entries come from: a person at a terminal, or a script on stdin or in a file."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from types import ModuleType
from typing import BinaryIO

from kaito.errors import KaitoError, UsageError
from kaito.shell.entries import Block, Entry, Kind, classify
from kaito.terminal import Terminal

PROMPT = "> "
CONTINUED = "... "

_UNCLOSED = 'a block opened by """ is not closed'


class Source(ABC):
    """Reads one entry after the other.

    Attributes:
        where: the place of the entry that was read last, such as `stdin:3`; empty at a prompt.
        trusted: whether commands that touch files may come from here.
    """

    where = ""
    trusted = True

    def read(self) -> Entry:
        """Return the next entry.

        Raises:
            EOFError: the end of input.
            KaitoError: the entry cannot be understood; reading may go on after it.
            KeyboardInterrupt: Ctrl-C at a prompt.
        """
        line = self._line(PROMPT)
        first, *pasted = line.split("\n")
        # A paste arrives as one line with breaks in it, and is a message whatever it holds.
        paste = Entry(Kind.MESSAGE, line)
        if not Block.opens(line):
            return paste if pasted else classify(line)
        block = Block(first)
        for more in pasted:
            if block.closed:
                return paste
            block.add(more)
        where = self.where
        while not block.closed:
            try:
                block.add(self._line(CONTINUED))
            except EOFError:
                self._after_end(where)
                raise UsageError(_UNCLOSED) from None
        self.where = where
        return Entry(Kind.MESSAGE if block.text.strip() else Kind.NOTHING, block.text)

    def _after_end(self, where: str) -> None:
        """Make ready to read on: input has ended in a block that began at `where`, which a person may do by Ctrl-D."""
        self.where = where

    @abstractmethod
    def _line(self, prompt: str) -> str:
        """Return the next line without its end."""


class Prompt(Source):
    """A person at a terminal.

    Args:
        terminal: where the prompt is shown.
    """

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._readline = _readline() if terminal.in_is_terminal and terminal.out_is_terminal else None
        self._ends_line = False
        # A paste comes as one entry, and none of its lines as a command. Python has that off unless it is asked for.
        if self._readline is not None and not terminal.is_dumb:
            self._readline.parse_and_bind("set enable-bracketed-paste on")
            # Since then GNU readline ends the prompt's line itself when input ends, if it looks out for pastes.
            self._ends_line = getattr(self._readline, "_READLINE_RUNTIME_VERSION", 0) >= 0x801

    def _after_end(self, where: str) -> None:
        super()._after_end(where)
        if self._readline is not None and self._ends_line:
            # GNU readline does not forget the end of input while it looks out for pastes, and would go on to end lines.
            self._readline.parse_and_bind("set enable-bracketed-paste off")
            self._ends_line = False

    def _line(self, prompt: str) -> str:
        try:
            if self._terminal.in_is_terminal and self._terminal.out_is_terminal:
                # In a locale without the letter, its bytes come as they are; they are UTF-8 all the same.
                return input(prompt).encode("utf-8", "surrogateescape").decode()
            return self._unedited(prompt)
        except UnicodeDecodeError:
            raise UsageError("what was typed is not UTF-8") from None
        except EOFError:
            if not self._ends_line:
                self._terminal.aside("\n")
            raise
        except OSError:  # the terminal has gone
            raise EOFError from None

    def _unedited(self, prompt: str) -> str:
        self._terminal.aside(prompt)
        line = self._terminal.stdin.readline() if self._terminal.stdin else ""
        if not line:
            raise EOFError
        return line.removesuffix("\n")


def _readline() -> ModuleType | None:
    """Return the module that gives `input` its line editing, where there is one."""
    try:
        return importlib.import_module("readline")
    except ImportError:
        return None


class Script(Source):
    """Lines of a file or of a pipe, in UTF-8. The first line of a file may name its interpreter (`#!`).

    Args:
        file: read line by line, so that each is answered as it comes.
        name: of the file, for `where`.
        trusted: `False` for a pipe: what comes through it may be a stranger's text.
    """

    def __init__(self, file: BinaryIO, name: str, *, trusted: bool = True) -> None:
        self.trusted = trusted
        self._file = file
        self._name = name
        self._number = 0

    def _line(self, prompt: str) -> str:
        try:
            raw = self._file.readline()
        except OSError as exc:
            raise KaitoError(f"Cannot read {self._name}: {exc.strerror}") from exc
        if not raw:
            raise EOFError
        self._number += 1
        self.where = f"{self._name}:{self._number}"
        if self._number == 1:
            raw = raw.removeprefix(b"\xef\xbb\xbf")
            if raw.startswith(b"#!") and self.trusted:
                return ""
        try:
            return raw.removesuffix(b"\n").removesuffix(b"\r").decode()
        except UnicodeDecodeError as exc:
            raise KaitoError(f"the line is not UTF-8: byte {exc.start + 1} is 0x{raw[exc.start]:02x}") from None
