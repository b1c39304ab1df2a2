"""Where entries come from, and a script on stdin or in a file as one such place."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import BinaryIO

from kaito.errors import KaitoError, UsageError
from kaito.shell.entries import Entry, begin

PROMPT = "> "
CONTINUED = "... "

_UNCLOSED = 'a block opened by """ is not closed'


class Source(ABC):
    """Reads one entry after the other.

    Attributes:
        where: the place of the entry that was read last, such as `stdin:3`; empty at a prompt.
        trusted: whether commands that touch files may come from here.
        complete: returns the whole lines that what is typed of one may become, for Tab at a prompt.
    """

    where = ""
    trusted = True
    complete: Callable[[str], Sequence[str]] | None = None

    def read(self) -> Entry:
        """Return the next entry.

        Raises:
            EOFError: the end of input.
            KaitoError: the entry cannot be understood; reading may go on after it.
            KeyboardInterrupt: Ctrl-C at a prompt.
            Ended: a signal that ends the process.
        """
        begun = begin(self._line(PROMPT))
        if isinstance(begun, Entry):
            return begun
        where = self.where
        while not begun.closed:
            try:
                begun.add(self._line(CONTINUED))
            except EOFError:
                self.where = where
                raise UsageError(_UNCLOSED) from None
        self.where = where
        return begun.entry

    def remember(self, text: str) -> bool:
        """Have a message come back by the up-arrow that was written elsewhere; return whether it can."""
        return False

    @abstractmethod
    def _line(self, prompt: str) -> str:
        """Return the next line without its end."""


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
