"""A program on a terminal of its own, driven and watched by a test."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from kaito.testing.pty_process import Console, Stream
from kaito.testing.runner import environment

if TYPE_CHECKING:
    from kaito.testing.screen import Screen

_ErrorType = type[BaseException]

#: What :meth:`TerminalSession.press` takes besides `ctrl-a` to `ctrl-z`, as an xterm sends it.
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
    """A program that runs on a pseudo-terminal, as the leader of a session that the terminal controls.

    ::

        with TerminalSession(kaito_command("chat", "--endpoint", server.url)) as session:
            session.wait_for("\n> ")
            session.type("Hello")
            session.press("enter")
            session.wait_for("Hello", count=2)
            session.press("ctrl-d")
            assert session.wait_exit() == 0

    `ctrl-c` is thus a true SIGINT from the terminal to its foreground processes. (The kernel lets no `ctrl-z` stop the
    program itself, as nobody could wake it; to test that, run it from `bash -i`.) There is no thread: the program's
    output is read while a method or property of the session is used.

    Args:
        arguments: the program and its arguments.
        columns: cells in a line.
        rows: lines.
        env: changes to the environment; `None` removes a variable. `TERM` is `xterm-256color` if not given.
        cwd: the folder to run in.
        stdin: where the program reads. With `pipe` see :meth:`send`.
        stdout: where it writes. With `pipe` see :attr:`out`.
        stderr: likewise, and :attr:`err`.

    Raises:
        RuntimeError: this system has no pseudo-terminals, or `pyte` is missing.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        columns: int = 80,
        rows: int = 24,
        env: Mapping[str, str | None] | None = None,
        cwd: str | Path | None = None,
        stdin: Stream = "terminal",
        stdout: Stream = "terminal",
        stderr: Stream = "terminal",
    ) -> None:
        if os.name != "posix":
            raise RuntimeError("TerminalSession needs a POSIX system: there are no pseudo-terminals here")
        self._screen = _new_screen(columns, rows, self._answer)
        self._console = Console(
            arguments,
            size=(columns, rows),
            env=environment({"TERM": "xterm-256color", "COLUMNS": None, "LINES": None, **(env or {})}),
            cwd=cwd,
            streams=(stdin, stdout, stderr),
            draw=self._screen.feed,
        )

    # -- what a person does

    def type(self, text: str) -> None:
        """Type text, key by key; a newline in it is the Enter key."""
        self._write(text.replace("\n", "\r").encode())

    def press(self, *keys: str) -> None:
        """Press keys by name: `enter`, `ctrl-c`, `up` and the others of `KEYS`.

        Raises:
            KeyError: there is no such name.
        """
        self._write("".join(KEYS[key] for key in keys).encode())

    def paste(self, text: str) -> None:
        """Paste text, marked as a bracketed paste if the program has asked for that, as terminals do."""
        self._console.drain()
        pasted = text.replace("\n", "\r")
        self._write((f"\x1b[200~{pasted}\x1b[201~" if self._screen.bracketed_paste else pasted).encode())

    def resize(self, columns: int, rows: int) -> None:
        """Change the window's size, of which the kernel tells the program by SIGWINCH."""
        self._console.drain()
        self._screen.resize(rows, columns)
        self._console.resize(columns, rows)

    def send(self, data: bytes) -> None:
        """Write to a stdin that is a pipe.

        Raises:
            BrokenPipeError: the program has closed it.
        """
        self._write(data, to_stdin=True)

    def close_stdin(self) -> None:
        """End a stdin that is a pipe."""
        self._console.close_stdin()

    # -- what a person sees

    @property
    def screen(self) -> str:
        """The lines that are visible now, without the blanks at their ends and the empty lines at the end."""
        self._console.drain()
        return "\n".join(self._screen.visible())

    @property
    def transcript(self) -> str:
        """The screen and above it what has scrolled off, so that a long session can be compared as a whole."""
        self._console.drain()
        return "\n".join(self._screen.whole())

    @property
    def cursor(self) -> tuple[int, int]:
        """The cursor's column and row, counted from 0."""
        self._console.drain()
        return self._screen.cursor.x, self._screen.cursor.y

    @property
    def raw(self) -> bytes:
        """All that was written to the terminal, with its echo of what was typed."""
        self._console.drain()
        return bytes(self._console.raw)

    @property
    def out(self) -> bytes:
        """All that was written to a stdout that is a pipe."""
        self._console.drain()
        return bytes(self._console.out)

    @property
    def err(self) -> bytes:
        """All that was written to a stderr that is a pipe."""
        self._console.drain()
        return bytes(self._console.err)

    # -- waiting

    def wait_for(
        self, what: str | Callable[[TerminalSession], object], timeout: float = 10.0, *, count: int = 1
    ) -> None:
        """Wait until there is something to see.

        Args:
            what: text that shall stand in the transcript (where no line ends with blanks, so that those of the text do
                not count either), or a function of the session that shall return a true value.
            timeout: seconds.
            count: how often the text shall stand there.

        Raises:
            AssertionError: it did not come, or the program ended without; the message shows the screen and all bytes.
        """
        deadline = time.monotonic() + timeout
        text = "" if callable(what) else "\n".join(line.rstrip() for line in what.split("\n"))
        while True:
            ended = self._console.exit_code() is not None
            self._console.drain()
            if what(self) if callable(what) else self.transcript.count(text) >= count:
                return
            if ended or time.monotonic() > deadline:
                times = f" {count} times" if count > 1 else ""
                raise self._failure(f"{what!r} was not seen{times} within {timeout} s")
            self._console.pump(0.05)

    def wait_exit(self, timeout: float = 10.0) -> int:
        """Wait for the program's end and return its exit code, negative for the signal that ended it.

        Args:
            timeout: seconds.

        Raises:
            AssertionError: it did not end in time; the message shows the screen and all bytes.
        """
        deadline = time.monotonic() + timeout
        while (code := self._console.exit_code()) is None:
            if time.monotonic() > deadline:
                raise self._failure(f"it did not end within {timeout} s")
            self._console.pump(0.02)
        self._console.drain()
        return code

    @property
    def pid(self) -> int:
        """The program's process id."""
        return self._console.pid

    # -- the end

    def close(self) -> None:
        """End the program, by SIGTERM and after 2 s by SIGKILL, if it still runs, and free the terminal.

        What it had started gets SIGHUP from the kernel, as from a closed window.
        """
        self._console.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: _ErrorType | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    # -- within

    def _write(self, data: bytes, timeout: float = 10.0, *, to_stdin: bool = False) -> None:
        if left := self._console.write(data, timeout, to_stdin=to_stdin):
            raise self._failure(f"{left} bytes were not read within {timeout} s")

    def _answer(self, data: bytes) -> None:
        self._console.answer(data)

    def _failure(self, reason: str) -> AssertionError:
        code = self._console.exit_code()
        state = "it still runs" if code is None else f"it ended with {code}"
        parts = [f"{self._console.arguments}: {reason}; {state}", "-- what is seen", self.transcript]
        for name, log in (
            ("terminal", self._console.raw),
            ("stdout", self._console.out),
            ("stderr", self._console.err),
        ):
            if log:
                parts += [f"-- {name}'s bytes", repr(bytes(log))]
        return AssertionError("\n".join(parts))


def _new_screen(columns: int, rows: int, answer: Callable[[bytes], None]) -> Screen:
    try:
        from kaito.testing.screen import Screen
    except ModuleNotFoundError as error:
        raise RuntimeError("TerminalSession needs pyte: pip install 'kaito[test]'") from error
    return Screen(columns, rows, answer)
