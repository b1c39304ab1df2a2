"""Where entries come from, and a script on stdin or in a file as one such place."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from io import BytesIO, FileIO

from kaito.errors import KaitoError, UsageError
from kaito.shell.input.entries import Block, Entry, begin

PROMPT = "> "
CONTINUED = "... "

#: Bytes that are read of a script at once.
_AT_ONCE = 64 * 1024

_UNCLOSED = 'a block opened by """ is not closed'


class SpoiltLineError(KaitoError):
    """A line that cannot be understood.

    Args:
        message: what is wrong with it.
        text: what can be read of it. It may open or close a block all the same.
    """

    def __init__(self, message: str, text: str) -> None:
        super().__init__(message)
        self.text = text


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
            KaitoError: the entry cannot be understood; reading may go on after it. A block has been read to its end, so
                that none of its lines is taken for an entry.
            KeyboardInterrupt: Ctrl-C at a prompt.
            Ended: a signal that ends the process.
        """
        failures: list[tuple[KaitoError, str]] = []

        def line(prompt: str) -> str:
            try:
                return self._line(prompt)
            except SpoiltLineError as exc:
                failures.append((exc, self.where))
                return exc.text

        begun = begin(line(PROMPT))
        where = self.where
        while isinstance(begun, Block) and not begun.closed:
            try:
                begun.add(line(CONTINUED))
            except EOFError:
                failures.append((UsageError(_UNCLOSED), where))
                break
        if failures:
            failure, self.where = failures[0]
            raise failure
        self.where = where
        return begun.entry if isinstance(begun, Block) else begun

    def remember(self, text: str) -> bool:
        """Have a message come back by the up-arrow that was written elsewhere; return whether it can."""
        return False

    @abstractmethod
    def _line(self, prompt: str) -> str:
        """Return the next line without its end."""


class Script(Source):
    """Lines of a file or of a pipe, in UTF-8. The first may name an interpreter (`#!`).

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
            if raw.startswith(b"#!"):
                return ""
        raw = raw.removesuffix(b"\n").removesuffix(b"\r")
        try:
            return raw.decode()
        except UnicodeDecodeError as exc:
            told = f"the line is not UTF-8: byte {exc.start + 1} is 0x{raw[exc.start]:02x}"
            raise SpoiltLineError(told, raw.decode("utf-8", "replace")) from None

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
                self._ended = True  # another try would fail likewise, for ever
                raise KaitoError(f"Cannot read {self._name}: {exc.strerror}") from exc
            self._ended = not data
            read += data or b""
        line = bytes(read[: end or len(read)])
        del read[: len(line)]
        return line
