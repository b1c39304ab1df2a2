"""The modes of the terminal: during an answer, while another program uses it, and at the end."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

# Bracketed paste: have the terminal put marks around pasted text, or not.
_MARK_PASTES, _DO_NOT_MARK_PASTES = b"\x1b[?2004h", b"\x1b[?2004l"

# What `termios.tcgetattr` returns.
_Modes = list[Any]


class Tty:
    """The terminal that the user types at. Without one, and on Windows, which has no modes, nothing is done.

    Args:
        stdin: the input; `None` if it is not a terminal.
        screen: a stream to that terminal.
    """

    def __init__(self, stdin: TextIO | None, screen: TextIO | None) -> None:
        self._stdin = stdin if sys.platform != "win32" else None
        self._screen = screen
        self._marks_pastes = False
        self._initial = self._modes()
        #: The modes before :meth:`muted`, during its block.
        self._unmuted: _Modes | None = None

    @contextmanager
    def muted(self, *, mark_pastes: bool) -> Iterator[None]:
        """Keep type-ahead off the screen while an answer is written; the next prompt shows it.

        Args:
            mark_pastes: whether the terminal marks pasted text, so that its lines stay together. The next prompt has to
                understand the marks.
        """
        before = self._unmuted or self._modes()
        if before is None:
            yield
            return
        import termios

        flags = before[3] & ~termios.ECHO
        if mark_pastes:
            # In line mode the system would cut long text, and the mark at its end.
            flags &= ~termios.ICANON
        # Noted before anything is changed: a second Ctrl-C may end this anywhere.
        self._unmuted = before
        try:
            self._set_modes([*before[:3], flags, *before[4:]])
            self._marks_pastes = mark_pastes
            self._mark_pastes(mark_pastes)
            yield
        finally:
            self.unmute()

    def unmute(self) -> None:
        """End :meth:`muted` if it did not end properly."""
        if self._unmuted is not None:
            self._mark_pastes(False)
            self._marks_pastes = False
            self._set_modes(self._unmuted)
            self._unmuted = None

    @contextmanager
    def handed_over(self) -> Iterator[None]:
        """Hand the terminal over to another program, in its initial modes, and restore the current ones afterwards."""
        modes = self._modes()
        self.restore()
        try:
            yield
        finally:
            # An answer continues in the background, too, where changing the modes would stop the process.
            if self._in_foreground():
                self._set_modes(modes)
                self._mark_pastes(True)

    def restore(self) -> None:
        """Restore the modes that the terminal had when this process began."""
        self._mark_pastes(False)
        self._set_modes(self._initial)

    def _modes(self) -> _Modes | None:
        if self._stdin is None:
            return None
        import termios

        # If the terminal is gone, reading from it reports that.
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
        """Change the marking of pastes while an answer is written; at other times the prompt does it."""
        if self._marks_pastes and self._screen is not None and self._in_foreground():
            # Not through the stream: a signal may have interrupted a write to it.
            with suppress(OSError, ValueError):
                os.write(self._screen.fileno(), _MARK_PASTES if on else _DO_NOT_MARK_PASTES)

    def _in_foreground(self) -> bool:
        if self._stdin is None:
            return True
        with suppress(OSError, ValueError):
            return os.tcgetpgrp(self._stdin.fileno()) == os.getpgrp()
        return True
