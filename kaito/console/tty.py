"""A terminal's own settings: while an answer is written, while another program has it, and at the end."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

# Has the terminal put marks around what is pasted, or not.
_MARK, _NO_MARK = b"\x1b[?2004h", b"\x1b[?2004l"

# What `termios.tcgetattr` returns.
_Modes = list[Any]


class Tty:
    """The terminal that a person types at. Where there is none, or no such settings, nothing is done.

    Args:
        stdin: where what is typed comes from; `None` if that is no terminal.
        screen: what is written there is seen on it.
    """

    def __init__(self, stdin: TextIO | None, screen: TextIO | None) -> None:
        self._stdin = stdin if sys.platform != "win32" else None
        self._screen = screen
        #: Whether what reads the next line knows the marks around a paste.
        self.brackets_pastes = False
        self._marking = False
        self._before = self._modes()
        #: What they were before a hush that has not ended.
        self._loud: _Modes | None = None

    @contextmanager
    def muted(self) -> Iterator[None]:
        """Keep what is typed ahead from the screen while an answer is written; the next prompt shows it.

        What is pasted comes marked, if that prompt knows the marks: its lines stay together.
        """
        before = self._loud or self._modes()
        if before is None:
            yield
            return
        import termios

        hidden = before[3] & ~termios.ECHO
        if self.brackets_pastes:
            # Line by line, the system would cut a long one, and the mark at its end with it.
            hidden &= ~termios.ICANON
        # Known before anything is changed: Ctrl-C again may end this anywhere.
        self._loud = before
        try:
            self._set_modes([*before[:3], hidden, *before[4:]])
            self._marking = self.brackets_pastes
            self._mark_pastes(self._marking)
            yield
        finally:
            self.unmute()

    def unmute(self) -> None:
        """End a hush that was not ended, if there is one."""
        if self._loud is not None:
            self._mark_pastes(False)
            self._marking = False
            self._set_modes(self._loud)
            self._loud = None

    @contextmanager
    def handed_over(self) -> Iterator[None]:
        """Leave it to another program, as it was when ours began, and take it back as it is now."""
        modes = self._modes()
        self.restore()
        try:
            yield
        finally:
            # An answer goes on in the background, too; who sets a terminal there is stopped.
            if self._in_foreground():
                self._set_modes(modes)
                self._mark_pastes(True)

    def restore(self) -> None:
        """Leave it as it was when this process began."""
        self._mark_pastes(False)
        self._set_modes(self._before)

    def _modes(self) -> _Modes | None:
        if self._stdin is None:
            return None
        import termios

        # A terminal that has gone is told of elsewhere, where it is read.
        with suppress(termios.error, ValueError, OSError):
            return termios.tcgetattr(self._stdin.fileno())
        return None

    def _set_modes(self, modes: _Modes | None) -> None:
        if modes is None or self._stdin is None:
            return
        import termios

        with suppress(termios.error, ValueError, OSError):
            termios.tcsetattr(self._stdin.fileno(), termios.TCSANOW, modes)

    def _mark_pastes(self, on: bool) -> None:
        """Change what the terminal does while an answer is written; at other times that is the prompt's affair."""
        if self._marking and self._screen is not None and self._in_foreground():
            # Past the stream: a signal may have come in the middle of writing to it.
            with suppress(OSError, ValueError):
                os.write(self._screen.fileno(), _MARK if on else _NO_MARK)

    def _in_foreground(self) -> bool:
        if self._stdin is None:
            return True
        with suppress(OSError, ValueError):
            return os.tcgetpgrp(self._stdin.fileno()) == os.getpgrp()
        return True
