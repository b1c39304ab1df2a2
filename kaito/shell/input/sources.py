"""Sources of entries, and the script on stdin or in a file as one of them."""

from __future__ import annotations

import codecs
from abc import ABC, abstractmethod
from collections.abc import Callable
from io import BytesIO, FileIO

from kaito.errors import ExitCode, KaitoError, UsageError
from kaito.shell.input.entries import Block, Entry, begin
from kaito.util import limits
from kaito.util.texts import LONGEST_MARK, encoding_of

PROMPT = "> "
CONTINUED = "... "

#: Bytes of a script that are read at once.
_READ_SIZE = 64 * 1024

_TOO_LONG = f"The line is longer than {limits.shown_size(limits.SCRIPT_LINE)}"
_BLOCK_TOO_LONG = f"The block is longer than {limits.shown_size(limits.STDIN)}"
_UNCLOSED = 'A block opened by """ is not closed'


#: The error handler that replaces what cannot be decoded by a byte that is never valid UTF-8.
_MARK = "kaito.mark"
codecs.register_error(_MARK, lambda exc: ("\udcff", exc.end if isinstance(exc, UnicodeDecodeError) else 0))


class BadLineError(KaitoError):
    """A line that cannot be used.

    Args:
        text: its readable part, which may still open or close a block.
    """

    def __init__(self, message: str, text: str) -> None:
        super().__init__(message)
        self.text = text


class LongLineError(BadLineError):
    """A line that is longer than the limit."""

    exit_code = ExitCode.USAGE


class Source(ABC):
    """Reads one entry after the other.

    Attributes:
        line: the number of the last entry's line, the first of a block, from 1; `None` at a prompt.
        trusted: whether commands that touch files may come from here.
    """

    line: int | None = None
    trusted = True

    @property
    def where(self) -> str:
        """The place of the last entry, such as `stdin:3`; empty at a prompt."""
        return ""

    def read(self) -> Entry:
        """Return the next entry.

        Raises:
            EOFError: the end of input.
            KaitoError: the entry is not valid; reading can continue. A block has been read to its end, so that none of
                its lines is taken for an entry.
            KeyboardInterrupt: Ctrl-C at a prompt.
            Ended: SIGTERM or SIGHUP.
        """
        failures: list[tuple[KaitoError, int | None]] = []

        def line(prompt: str) -> str:
            try:
                return self._line(prompt)
            except BadLineError as exc:
                failures.append((exc, self.line))
                return exc.text

        begun = begin(line(PROMPT))
        first = self.line
        while isinstance(begun, Block) and not begun.closed:
            try:
                begun.add(line(CONTINUED))
                if begun.is_too_long and not failures:
                    failures.append((UsageError(_BLOCK_TOO_LONG), first))
            except EOFError:
                failures.append((UsageError(_UNCLOSED), first))
                break
        if failures:
            failure, self.line = failures[0]
            raise failure
        self.line = first
        return begun.entry if isinstance(begun, Block) else begun

    @abstractmethod
    def _line(self, prompt: str) -> str:
        """Return the next line without its end."""


class Script(Source):
    """The lines of a file or a pipe, in UTF-8 or in the encoding of its byte order mark.

    The first may name an interpreter (`#!`).

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
        # For another encoding than UTF-8, in which a line feed may take several bytes.
        self._decoder: codecs.IncrementalDecoder | None = None
        self._begun = False
        # Whether the rest of a line that is too long has not been read.
        self._skips = False

    @property
    def where(self) -> str:
        return f"{self._name}:{self.line}" if self.line is not None else ""

    def _line(self, prompt: str) -> str:
        if self._skips:
            self._skip_line()
        raw = self._raw_line()
        if not raw:
            raise EOFError
        self._number += 1
        self.line = self._number
        if len(raw) > limits.SCRIPT_LINE:
            # Only when another line is wanted: this one may be endless.
            self._skips = not raw.endswith(b"\n")
            raise LongLineError(_TOO_LONG, raw[:_READ_SIZE].decode("utf-8", "replace"))
        if self._number == 1 and raw.startswith(b"#!"):
            return ""
        raw = raw.removesuffix(b"\n").removesuffix(b"\r")
        try:
            return raw.decode()
        except UnicodeDecodeError as exc:
            message = f"The line is not UTF-8: byte {exc.start + 1} is 0x{raw[exc.start]:02x}"
            if self._decoder is not None:
                message = "The line is not valid in the encoding of the byte order mark"
            raise BadLineError(message, raw.decode("utf-8", "replace")) from None

    def _raw_line(self) -> bytes:
        """Return the next line with its end, which the last line may lack; nothing after that.

        Of a line that is longer than the limit, return more than the limit.
        """
        read, searched = self._read, 0
        while (end := read.find(b"\n", searched) + 1) == 0 and not self._ended and len(read) <= limits.SCRIPT_LINE:
            searched = len(read)
            self._read_more()
        line = bytes(read[: end or len(read)])
        del read[: len(line)]
        return line

    def _skip_line(self) -> None:
        """Read the rest of a line that is too long, and keep nothing of it."""
        self._skips = False
        while (end := self._read.find(b"\n") + 1) == 0 and not self._ended:
            self._read.clear()
            self._read_more()
        del self._read[: end or len(self._read)]

    def _read_more(self) -> None:
        """Read once. The end of the input is noted."""
        try:
            if self._wait is not None and isinstance(self._file, FileIO):
                self._wait(self._file.fileno())
            data = self._file.read(_READ_SIZE) or b""
        except OSError as exc:
            self._ended = True  # reading again would fail again
            raise KaitoError(f"Cannot read {self._name}: {exc.strerror}") from exc
        self._ended = not data
        if self._decoder is not None:
            data = self._decoder.decode(data, final=self._ended).encode("utf-8", "surrogateescape")
        self._read += data
        if not self._begun and (len(self._read) >= LONGEST_MARK or self._ended):
            self._begin()

    def _begin(self) -> None:
        """Look for a byte order mark."""
        self._begun = True
        encoding, length = encoding_of(self._read)
        del self._read[:length]
        if encoding != "utf-8":
            # What cannot be decoded is an error of its line, as in UTF-8.
            self._decoder = codecs.getincrementaldecoder(encoding)(_MARK)
            self._read[:] = self._decoder.decode(bytes(self._read), final=self._ended).encode(
                "utf-8", "surrogateescape"
            )
