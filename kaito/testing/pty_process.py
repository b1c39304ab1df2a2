"""A program on a pseudo-terminal: reads and writes bytes, interprets none."""

from __future__ import annotations

import contextlib
import os
import select
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from kaito.testing.kaito_process import give_children_default_signals

#: Where a program's stdin, stdout or stderr leads: the terminal, a pipe to the test, `/dev/null` or a file.
Redirection = Literal["terminal", "pipe", "null"] | Path

# Makes the terminal the controlling terminal of its session, then executes the program. It is a program of its own, as
# code between fork and exec is unsafe in a process with threads.
_LAUNCHER = """
import fcntl, os, signal, sys, termios
terminal = int(sys.argv[1])
fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
os.close(terminal)
for number in signal.SIGPIPE, signal.SIGXFSZ:  # ignored by Python itself
    signal.signal(number, signal.SIG_DFL)
try:
    os.execvp(sys.argv[2], sys.argv[2:])
except OSError as error:
    sys.stderr.write(f"{sys.argv[2]}: {error}\\n")
    os._exit(127)
"""


class PtyProcess:
    """A running program that leads a session with its own controlling terminal.

    This object keeps the terminal open as well, so that no output is lost when the program closes it.

    Args:
        arguments: the program and its arguments.
        size: columns and rows.
        env: the whole environment.
        cwd: the folder to run in.
        streams: where stdin, stdout and stderr lead.
        draw: receives what the program writes to the terminal; returns the bytes that the terminal itself sends back,
            such as the cursor's position.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        size: tuple[int, int],
        env: Mapping[str, str],
        cwd: str | Path | None,
        streams: tuple[Redirection, Redirection, Redirection],
        draw: Callable[[bytes], bytes],
    ) -> None:
        self.arguments = list(arguments)
        self._draw = draw
        self._logs: dict[int, bytearray] = {}
        self._master, self._slave = os.openpty()
        try:
            self.resize(*size)
            with contextlib.ExitStack() as files:
                stdin, stdout, stderr = (
                    self._open(stream, mode, files) for stream, mode in zip(streams, ("rb", "wb", "wb"), strict=True)
                )
                give_children_default_signals()
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(self._slave), *arguments],
                    bufsize=0,
                    stdin=stdin,
                    stdout=stdout,
                    stderr=stderr,
                    env=env,
                    cwd=cwd,
                    pass_fds=[self._slave],
                    start_new_session=True,
                )
        except BaseException:
            os.close(self._master)
            os.close(self._slave)
            raise
        #: Everything that was written to the terminal, to a piped stdout and to a piped stderr.
        self.raw, self.out, self.err = bytearray(), bytearray(), bytearray()
        self._logs[self._master] = self.raw
        os.set_blocking(self._master, False)
        for pipe, log in ((self._process.stdout, self.out), (self._process.stderr, self.err)):
            if pipe is not None:
                self._logs[pipe.fileno()] = log
        if self._process.stdin is not None:
            os.set_blocking(self._process.stdin.fileno(), False)

    @property
    def pid(self) -> int:
        """The program's process id."""
        return self._process.pid

    def exit_code(self) -> int | None:
        """Return the exit code, negative for a signal, or `None` while the program runs."""
        return self._process.poll()

    def resize(self, columns: int, rows: int) -> None:
        """Set the terminal's size."""
        import fcntl
        import termios

        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def modes(self) -> list[Any]:
        """Return the terminal's modes, as `termios.tcgetattr` does."""
        import termios

        return termios.tcgetattr(self._slave)

    def drain(self) -> None:
        """Read everything that is available."""
        while self._logs and self.pump(0):
            pass

    def pump(self, seconds: float) -> bool:
        """Read once, waiting at most this long; return whether there was anything to read."""
        ready, _, _ = select.select(list(self._logs), [], [], seconds)
        for fd in ready:
            try:
                data = os.read(fd, 65536)
            except BlockingIOError:
                continue
            except OSError:  # EIO: the terminal was hung up
                data = b""
            if not data:
                del self._logs[fd]
                continue
            self._logs[fd] += data
            if fd == self._master and (response := self._draw(data)):
                with contextlib.suppress(OSError):  # the program need not read it
                    os.write(self._master, response)
        return bool(ready)

    def write(self, data: bytes, timeout: float, *, to_stdin: bool) -> int:
        """Write to the terminal or to a piped stdin; return how many bytes were not read in time.

        Raises:
            BrokenPipeError: the program has closed its stdin.
        """
        fd = self._stdin().fileno() if to_stdin else self._master
        deadline = time.monotonic() + timeout
        while data and time.monotonic() < deadline:
            with contextlib.suppress(BlockingIOError):
                data = data[os.write(fd, data) :]
            if data:
                self.pump(0.01)
        return len(data)

    def close_stdin(self) -> None:
        """Close a piped stdin."""
        self._stdin().close()

    def close(self) -> None:
        """End the program by SIGTERM, after 2 s by SIGKILL, and close all files. A second call does nothing."""
        if self._master < 0:
            return
        deadline = time.monotonic() + 2
        if self._process.poll() is None:
            self._process.terminate()
        while self._process.poll() is None:
            self.pump(0.02)
            if time.monotonic() > deadline:
                self._process.kill()
                self._process.wait()
        self.drain()
        self._logs.clear()
        for file in (self._process.stdin, self._process.stdout, self._process.stderr):
            if file is not None:
                file.close()
        os.close(self._master)
        os.close(self._slave)
        self._master = -1

    def _stdin(self) -> Any:
        if self._process.stdin is None:
            raise ValueError("stdin is not a pipe")
        return self._process.stdin

    def _open(self, stream: Redirection, mode: str, files: contextlib.ExitStack) -> Any:
        if isinstance(stream, Path):
            return files.enter_context(stream.open(mode))
        return {"terminal": self._slave, "pipe": subprocess.PIPE, "null": subprocess.DEVNULL}[stream]
