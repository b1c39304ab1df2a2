"""Sources of entries, and the script on stdin or in a file as one of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from io import BytesIO, FileIO

from kaito.errors import KaitoError, UsageError
from kaito.shell.input.entries import Block, Entry, begin

PROMPT = "> "
CONTINUED = "... "

#: Bytes of a script that are read at once.
_READ_SIZE = 64 * 1024

_UNCLOSED = 'a block opened by """ is not closed'


class BadLineError(KaitoError):
    """A line that is not UTF-8.

    Args:
        text: the line with replacement characters. It may open or close a block all the same.
    """

    def __init__(self, message: str, text: str) -> None:
        super().__init__(message)
        self.text = text


class Source(ABC):
    """Reads one entry after the other.

    Attributes:
        where: the place of the last entry, such as `stdin:3`; empty at a prompt.
        trusted: whether commands that touch files may come from here.
    """

    where = ""
    trusted = True

    def read(self) -> Entry:
        """Return the next entry.

        Raises:
            EOFError: the end of input.
            KaitoError: the entry is not valid; reading can continue. A block has been read to its end, so that none of
                its lines is taken for an entry.
            KeyboardInterrupt: Ctrl-C at a prompt.
            Ended: SIGTERM or SIGHUP.
        """
        failures: list[tuple[KaitoError, str]] = []

        def line(prompt: str) -> str:
            try:
                return self._line(prompt)
            except BadLineError as exc:
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

    @abstractmethod
    def _line(self, prompt: str) -> str:
        """Return the next line without its end."""


class Script(Source):
    """The lines of a file or a pipe, in UTF-8. The first may name an interpreter (`#!`).

    Args:
        name: the file's, for `where`.
        wait: called with the file descriptor before each read; returns when there is something to read.
        trusted: `False` for a pipe, whose text may be a stranger's.
    """

    def __init__(
        self,
        file: FileIO | BytesIO,
        name: str,
        *,
        wait: Callable[[int], None] | None = None,
        trusted: bool = True,
    ) -> None:
        self.trusted = trusted
        self._file = file
        self._name = name
        self._wait = wait
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
            message = f"the line is not UTF-8: byte {exc.start + 1} is 0x{raw[exc.start]:02x}"
            raise BadLineError(message, raw.decode("utf-8", "replace")) from None

    def _raw_line(self) -> bytes:
        """Return the next line with its end, which the last line may lack; nothing after that."""
        read, searched = self._read, 0
        while (end := read.find(b"\n", searched) + 1) == 0 and not self._ended:
            searched = len(read)
            try:
                if self._wait is not None and isinstance(self._file, FileIO):
                    self._wait(self._file.fileno())
                data = self._file.read(_READ_SIZE)
            except OSError as exc:
                self._ended = True  # reading again would fail again
                raise KaitoError(f"Cannot read {self._name}: {exc.strerror}") from exc
            self._ended = not data
            read += data or b""
        line = bytes(read[: end or len(read)])
        del read[: len(line)]
        return line
