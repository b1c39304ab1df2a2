"""Where entries come from, and a script on stdin or in a file as one such place."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from io import BytesIO, FileIO

from kaito.errors import KaitoError, UsageError
from kaito.shell.entries import Entry, begin

PROMPT = "> "
CONTINUED = "... "

#: Bytes that are read of a script at once.
_AT_ONCE = 64 * 1024

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

    Attributes:
        wait: called with the file's descriptor before more is read, to have something done until there is some.

    Args:
        file: read as it is filled, so that each line is answered as it comes; unbuffered.
        name: of the file, for `where`.
        trusted: `False` for a pipe: what comes through it may be a stranger's text.
    """

    def __init__(self, file: FileIO | BytesIO, name: str, *, trusted: bool = True) -> None:
        self.trusted = trusted
        self.wait: Callable[[int], None] | None = None
        self._file = file
        self._name = name
        self._number = 0
        self._read = bytearray()
        self._ended = False

    def _line(self, prompt: str) -> str:
        raw = self._raw_line()
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

    def _raw_line(self) -> bytes:
        """Return the next line with its end, which the last may lack; nothing after that."""
        read, searched = self._read, 0
        while (end := read.find(b"\n", searched) + 1) == 0 and not self._ended:
            searched = len(read)
            try:
                if self.wait is not None and isinstance(self._file, FileIO):
                    self.wait(self._file.fileno())
                data = self._file.read(_AT_ONCE)
            except OSError as exc:
                raise KaitoError(f"Cannot read {self._name}: {exc.strerror}") from exc
            self._ended = not data
            read += data or b""
        line = bytes(read[: end or len(read)])
        del read[: len(line)]
        return line
