"""The only place that writes to the screen: what goes to stdout, what to stderr, in which colours and letters."""

from __future__ import annotations

import errno
import os
import re
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Literal, TextIO

from kaito.console.sanitize import one_line, sanitize
from kaito.console.tty import Tty
from kaito.console.width import beginning
from kaito.console.wrapping import NARROWEST, wrapped
from kaito.errors import KaitoError, OutputClosed
from kaito.types import Screen

#: Seconds that a wait may last before it is explained.
PATIENCE = 0.3

# What our own lines begin with.
_EMOJI = re.compile("^(🤖|💬|🎯|🗑️|👋|❌) ", re.MULTILINE)
# Windows calls a pipe without a reader an invalid argument.
_READER_GONE = {errno.EPIPE, errno.EBADF} | ({errno.EINVAL} if sys.platform == "win32" else set())
_CLEAR_LINE = "\r\x1b[K"


class Terminal:
    """Stdout and stderr, either of which may be a terminal, a pipe, a file or closed.

    Args:
        stdin: where input comes from; `None` when it is closed.
        stdout: for answers and what commands print; `None` when it is closed.
        stderr: for all else; `None` when it is closed.
        environ: the environment, for `NO_COLOR`, `FORCE_COLOR` and `TERM`.
        clock: returns seconds that never go back.
    """

    def __init__(
        self,
        stdin: TextIO | None,
        stdout: TextIO | None,
        stderr: TextIO | None,
        environ: Mapping[str, str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.stdin, self.stdout, self.stderr = stdin, stdout, stderr
        self.in_is_terminal = _is_terminal(stdin)
        self.out_is_terminal = _is_terminal(stdout)
        self.err_is_terminal = _is_terminal(stderr)
        self.color: Literal["auto", "always", "never"] = "auto"
        self._environ = environ
        self._clock = clock
        self.is_dumb = environ.get("TERM") == "dumb"
        self._lock = threading.RLock()
        self._stdout_lost: KaitoError = OutputClosed("stdout is closed")
        self._status = ""
        self._status_since = 0.0
        self._status_shown = ""
        #: Why another try is waited for, and until when.
        self._retry: tuple[str, float] | None = None
        for stream in (stdout, stderr):
            # A letter that the console does not have gets a stand-in.
            if reconfigure := getattr(stream, "reconfigure", None):
                reconfigure(errors="replace")
        for stream in (stdin, stdout, stderr):
            _wait_for(stream)
        #: Whether somebody waits for a key.
        self.reading = False
        #: Raises the signal that came when nothing was waited for, neither a key nor an answer.
        self.raise_pending: Callable[[], object] = lambda: None
        #: Its own settings.
        self.tty = Tty(stdin if self.in_is_terminal else None, stdout if self.out_is_terminal else stderr)

    # What goes out

    def write(self, text: str) -> None:
        """Write to stdout as it is, at once.

        Raises:
            OutputClosed: nobody reads it any more.
            KaitoError: it cannot be written, to a full disk for example.
        """
        self.clear_status()
        if self.stdout is None:
            raise self._stdout_lost
        try:
            self.stdout.write(text)
            self.stdout.flush()
        except (OSError, ValueError) as exc:
            if isinstance(exc, OSError) and exc.errno not in _READER_GONE:
                self._stdout_lost = KaitoError(f"Cannot write to stdout: {exc.strerror}")
            self._abandon_stdout()
            raise self._stdout_lost from exc

    def note(self, text: str, *, dim: bool = False) -> None:
        """Write a line to stderr. Text from outside is neutralised. A stderr that is gone is not missed.

        Args:
            text: the line.
            dim: it is a remark in passing: less bright than what it stands among, and broken between words.
        """
        text = sanitize(text)
        if dim and self.err_is_terminal:
            text = wrapped(text, max(self._columns() - 1, NARROWEST), hang=1).removesuffix("\n")
        if dim and self.coloured(self.stderr):
            from colorama import Style

            text = f"{Style.DIM}{text}{Style.RESET_ALL}"
        self._to_stderr(text + "\n")

    def error(self, error: KaitoError, *hints: str, where: str = "") -> None:
        """Show a failure, further hints, and as the last line where in a script it happened."""
        # A line of ours is one line: what comes from outside must not begin another.
        head, *rest = (
            " ".join(sanitize(line).splitlines()) for line in (*error.lines(), *(f"   {hint}" for hint in hints))
        )
        if self.stderr is not None:
            head = self._fitting(head, self.stderr, self.err_is_terminal)
        if self.coloured(self.stderr):
            from colorama import Fore, Style

            head = f"{Fore.RED}{head}{Style.RESET_ALL}"
        lines = [head, *rest, *([f"   at {where}"] if where else [])]
        self._to_stderr("\n".join(lines) + "\n")

    def shortcoming(self, error: KaitoError) -> None:
        """Remark on a failure that takes nothing from what was asked for."""
        told = "; ".join((error.message, *error.hints))
        self.note(f"({told[0].lower()}{told[1:]})", dim=True)

    def write_interactive(self, text: str) -> None:
        """Write what belongs to a person at the prompt: to stdout, or to stderr when stdout is no terminal."""
        if self.out_is_terminal and self.stdout is not None:
            self.write(self._fitting(text, self.stdout, self.out_is_terminal))
        else:
            self._to_stderr(text)

    def muted(self) -> AbstractContextManager[None]:
        """Hide type-ahead while an answer is written; see :meth:`~kaito.console.tty.Tty.muted`."""
        return self.tty.muted()

    @contextmanager
    def waiting_for_a_key(self) -> Iterator[None]:
        """Have signals raise in the block, and the one that came before: Ctrl-Z :class:`~kaito.errors.Suspended`."""
        self.reading = True
        try:
            self.tty.unmute()
            self.raise_pending()
            yield
        finally:
            self.reading = False

    @contextmanager
    def handed_over(self) -> Iterator[None]:
        """Leave the terminal to another program, as it was when ours began, and take it back as it is now."""
        # Ctrl-Z may come in the middle of writing to stderr, which cannot be done within itself.
        with self._lock, suppress(RuntimeError):
            if self._status_shown:
                self._put(_CLEAR_LINE)
                self._status_shown = ""
        with self.tty.handed_over():
            yield

    # What is being waited for

    def status(self, text: str) -> None:
        """Set what is being waited for. It is shown by :meth:`tick` once the wait has lasted. Any thread may call."""
        if not self.shows_status:
            return
        with self._lock:
            if not text:
                self.clear_status()
                return
            if not self._status:
                self._status_since = self._clock()
            self._status = one_line(text)
            self._retry = None

    def retrying(self, reason: str, delay: float) -> None:
        """Tell of a wait for another try: counted down in the status; where there is none as a line, if it is long.

        Args:
            delay: seconds.
        """
        if not self.shows_status:
            if delay >= 1:
                self.note(f"retrying in {delay:.0f} s: {reason}")
            return
        with self._lock:
            self.status(self._status or "trying again")
            self._retry = (one_line(reason), self._clock() + delay)

    def notice(self, text: str) -> None:
        """Write a line to stderr. Any thread may call."""
        self.note(" ".join(text.splitlines()))

    def tick(self) -> None:
        """Show or refresh the status, if a person looks at stderr and it has lasted :data:`PATIENCE`."""
        with self._lock:
            now = self._clock()
            elapsed = now - self._status_since
            if not self._status or elapsed < PATIENCE:
                return
            if self._retry is not None and self._retry[1] > now:
                head, tail = f"retrying in {self._retry[1] - now:.0f} s: {self._retry[0]}", ""
            else:
                head, tail = self._status, f" … {elapsed:.0f} s" if elapsed >= 1 else " …"
            # What the terminal writes for Ctrl-C must not wrap: only one line is taken back.
            room = max(self._columns() - len(tail) - len("^C "), 0)
            if (line := beginning(head, room) + tail) != self._status_shown:
                self._status_shown = line
                self._put(_CLEAR_LINE + line)

    def _columns(self) -> int:
        try:
            return os.get_terminal_size(self.stderr.fileno()).columns if self.stderr else 80
        except (OSError, ValueError):
            return 80

    def clear_status(self) -> None:
        """Take the status off the screen."""
        if not self._status:
            return
        with self._lock:
            if self._status_shown:
                self._put(_CLEAR_LINE)
            self._status = self._status_shown = ""
            self._retry = None

    @property
    def shows_status(self) -> bool:
        """Whether stderr is a place for a line that comes and goes."""
        return self.err_is_terminal and not self.is_dumb

    # What the streams can do

    def coloured(self, stream: TextIO | None) -> bool:
        """Return whether a stream gets colours: by `--color`, `NO_COLOR`, `FORCE_COLOR`, then by what it is."""
        if self.color != "auto":
            return self.color == "always"
        if self._environ.get("NO_COLOR"):
            return False
        if self._environ.get("FORCE_COLOR"):
            return True
        return _is_terminal(stream) and not self.is_dumb and _console_ready()

    def screen(self) -> Screen:
        """Return what a formatter may know of stdout."""
        return Screen(
            terminal=self.out_is_terminal,
            colour=self.coloured(self.stdout),
            unicode=_encodes(self.stdout, "é🤖"),
            width=lambda: shutil.get_terminal_size().columns,
        )

    def _fitting(self, text: str, stream: TextIO, is_terminal: bool) -> str:
        if text.isascii() or not ((is_terminal and self.is_dumb) or not _encodes(stream, text)):
            return text
        return _EMOJI.sub("", text)

    def _to_stderr(self, text: str) -> None:
        with self._lock:
            if self._status_shown:
                self._put(_CLEAR_LINE)
                self._status_shown = ""
            self._put(text)

    def _put(self, text: str) -> None:
        if self.stderr is not None:
            try:
                self.stderr.write(self._fitting(text, self.stderr, self.err_is_terminal))
                self.stderr.flush()
            except (OSError, ValueError):
                self.stderr = None

    def _abandon_stdout(self) -> None:
        # What is left in its buffer would fail again, aloud, when the interpreter ends, or come out at the next prompt.
        if self.stdout is sys.stdout and self.stdout is not None:
            devnull = os.open(os.devnull, os.O_WRONLY)
            os.dup2(devnull, self.stdout.fileno())
            os.close(devnull)
            with suppress(OSError, ValueError):
                self.stdout.flush()
        self.stdout = None


def _wait_for(stream: TextIO | None) -> None:
    """Have a stream wait until it is ready: a parent may have left it to say "try again" instead, and text is lost."""
    try:
        fd = stream.fileno() if stream is not None else -1
        if fd >= 0 and not os.get_blocking(fd):
            os.set_blocking(fd, True)
    except (AttributeError, OSError, ValueError):  # Windows before Python 3.12; no file at all
        pass


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


def _encodes(stream: TextIO | None, text: str) -> bool:
    encoding = getattr(stream, "encoding", None)
    if encoding in (None, "utf-8") or encoding.lower().replace("-", "") == "utf8":
        return True
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _console_ready() -> bool:
    """Make an old Windows console understand colours; elsewhere there is nothing to do."""
    if sys.platform == "win32":
        from colorama import just_fix_windows_console

        just_fix_windows_console()
    return True
