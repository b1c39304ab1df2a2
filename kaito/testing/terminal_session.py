"""A terminal session: types at a program, and reads its screen."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from kaito.testing.kaito_process import child_environment
from kaito.testing.pty_process import PtyProcess, Redirection

if TYPE_CHECKING:
    from kaito.testing.screen import Screen

_ErrorType = type[BaseException]

#: The names that :meth:`TerminalSession.press` accepts, and what an xterm sends for them.
KEYS: Mapping[str, str] = {
    "enter": "\r",
    "tab": "\t",
    "escape": "\x1b",
    "backspace": "\x7f",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "right": "\x1b[C",
    "left": "\x1b[D",
    "home": "\x1b[H",
    "end": "\x1b[F",
    "delete": "\x1b[3~",
    "page-up": "\x1b[5~",
    "page-down": "\x1b[6~",
    "ctrl-\\": "\x1c",
    **{f"ctrl-{chr(96 + code)}": chr(code) for code in range(1, 27)},
}


class TerminalSession:
    """A program on a pseudo-terminal, which is its controlling terminal.

    ::

        with TerminalSession(kaito_command("chat", "--endpoint", server.url)) as session:
            session.wait_for("\\n> ")
            session.type("Hello")
            session.press("enter")
            session.wait_for("Hello", count=2)
            session.press("ctrl-d")
            assert session.wait_exit() == 0

    `ctrl-c` thus sends a real SIGINT to the foreground processes. (The kernel does not let `ctrl-z` stop the program
    itself, as no shell could resume it; run the program from `bash -i` to test that.) There is no thread: output is
    read while a method or property of the session is used.

    Args:
        arguments: the program and its arguments.
        columns: cells in a line.
        rows: lines.
        env: changes to the environment; `None` removes a variable. `TERM` is `xterm-256color` by default.
        cwd: the folder to run in.
        stdin: where the program reads from. For `pipe`, see :meth:`send`.
        stdout: where it writes to. For `pipe`, see :attr:`out`.
        stderr: where it writes errors to. For `pipe`, see :attr:`err`.

    Raises:
        RuntimeError: the system has no pseudo-terminals, or `pyte` is not installed.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        columns: int = 80,
        rows: int = 24,
        env: Mapping[str, str | None] | None = None,
        cwd: str | Path | None = None,
        stdin: Redirection = "terminal",
        stdout: Redirection = "terminal",
        stderr: Redirection = "terminal",
    ) -> None:
        if os.name != "posix":
            raise RuntimeError("TerminalSession needs a POSIX system with pseudo-terminals")
        self._screen = _new_screen(columns, rows)
        self._process = PtyProcess(
            arguments,
            size=(columns, rows),
            env=child_environment({"TERM": "xterm-256color", "COLUMNS": None, "LINES": None, **(env or {})}),
            cwd=cwd,
            streams=(stdin, stdout, stderr),
            draw=self._screen.feed,
        )

    # -- keyboard and window

    def type(self, text: str) -> None:
        """Type text; a newline presses Enter."""
        self._write(text.replace("\n", "\r").encode())

    def press(self, *keys: str) -> None:
        """Press keys by name: `enter`, `ctrl-c`, `up` and the other names in `KEYS`.

        Raises:
            KeyError: the name is unknown.
        """
        self._write("".join(KEYS[key] for key in keys).encode())

    def paste(self, text: str) -> None:
        """Paste text, as a bracketed paste if the program has enabled that."""
        self._process.drain()
        pasted = text.replace("\n", "\r")
        self._write((f"\x1b[200~{pasted}\x1b[201~" if self._screen.bracketed_paste else pasted).encode())

    def resize(self, columns: int, rows: int) -> None:
        """Change the window's size; the kernel sends SIGWINCH to the program."""
        self._process.drain()
        self._screen.resize(rows, columns)
        self._process.resize(columns, rows)

    def send(self, data: bytes) -> None:
        """Write to a stdin that is a pipe.

        Raises:
            BrokenPipeError: the program has closed it.
        """
        self._write(data, to_stdin=True)

    def close_stdin(self) -> None:
        """Close a stdin that is a pipe."""
        self._process.close_stdin()

    # -- screen and output

    @property
    def screen(self) -> str:
        """The visible lines, without trailing blanks and empty lines at the end."""
        self._process.drain()
        return "\n".join(self._screen.visible())

    @property
    def transcript(self) -> str:
        """The lines that have scrolled off and the visible lines."""
        self._process.drain()
        return "\n".join(self._screen.whole())

    @property
    def cursor(self) -> tuple[int, int]:
        """The cursor's column and row, counted from 0."""
        self._process.drain()
        return self._screen.cursor.x, self._screen.cursor.y

    @property
    def modes(self) -> list[Any]:
        """The terminal's modes, as `termios.tcgetattr` returns them."""
        return self._process.modes()

    @property
    def raw(self) -> bytes:
        """Everything written to the terminal, including the echo of what was typed."""
        self._process.drain()
        return bytes(self._process.raw)

    @property
    def out(self) -> bytes:
        """Everything written to a stdout that is a pipe."""
        self._process.drain()
        return bytes(self._process.out)

    @property
    def err(self) -> bytes:
        """Everything written to a stderr that is a pipe."""
        self._process.drain()
        return bytes(self._process.err)

    # -- waiting

    def wait_for(
        self, what: str | Callable[[TerminalSession], object], timeout: float = 60.0, *, count: int = 1
    ) -> None:
        """Wait until the transcript contains a text, or until a function returns a true value.

        Args:
            what: the text, whose trailing blanks do not count, as the transcript has none; or a function that receives
                the session.
            timeout: seconds.
            count: how often the transcript must contain the text.

        Raises:
            AssertionError: it did not happen in time, or the program exited; the message shows the screen and all
                bytes.
        """
        deadline = time.monotonic() + timeout
        text = "" if callable(what) else "\n".join(line.rstrip() for line in what.split("\n"))
        while True:
            ended = self._process.exit_code() is not None
            self._process.drain()
            if what(self) if callable(what) else self.transcript.count(text) >= count:
                return
            if ended or time.monotonic() > deadline:
                times = f" {count} times" if count > 1 else ""
                raise self._failure(f"{what!r} did not appear{times} within {timeout} s")
            self._process.pump(0.05)

    def wait_exit(self, timeout: float = 60.0) -> int:
        """Wait until the program exits; return its exit code, negative for the signal that ended it.

        Args:
            timeout: seconds.

        Raises:
            AssertionError: it did not exit in time; the message shows the screen and all bytes.
        """
        deadline = time.monotonic() + timeout
        while (code := self._process.exit_code()) is None:
            if time.monotonic() > deadline:
                raise self._failure(f"the program did not exit within {timeout} s")
            self._process.pump(0.02)
        self._process.drain()
        return code

    @property
    def pid(self) -> int:
        """The program's process id."""
        return self._process.pid

    def close(self) -> None:
        """End the program by SIGTERM, after 2 s by SIGKILL, and close the terminal.

        The kernel then sends SIGHUP to the remaining processes, as when a window is closed.
        """
        self._process.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: _ErrorType | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    def _write(self, data: bytes, timeout: float = 60.0, *, to_stdin: bool = False) -> None:
        if unread := self._process.write(data, timeout, to_stdin=to_stdin):
            raise self._failure(f"{unread} bytes were not read within {timeout} s")

    def _failure(self, reason: str) -> AssertionError:
        code = self._process.exit_code()
        state = "it is still running" if code is None else f"it exited with {code}"
        parts = [f"{self._process.arguments}: {reason}; {state}", "-- screen", self.transcript]
        for name, log in (
            ("the terminal", self._process.raw),
            ("stdout", self._process.out),
            ("stderr", self._process.err),
        ):
            if log:
                parts += [f"-- bytes written to {name}", repr(bytes(log))]
        return AssertionError("\n".join(parts))


def _new_screen(columns: int, rows: int) -> Screen:
    try:
        from kaito.testing.screen import Screen
    except ModuleNotFoundError as error:
        from kaito.util.installation import install_hint

        raise RuntimeError(f"TerminalSession needs the package 'pyte'. {install_hint('pyte')}") from error
    return Screen(columns, rows)
