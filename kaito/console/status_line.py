"""The status line: shows on stderr what the program is waiting for, and disappears afterwards."""

from __future__ import annotations

import threading
from collections.abc import Callable

from kaito.console.width import clip, shorten_middle
from kaito.util.sanitize import one_line

#: Seconds that a wait lasts before it is shown.
SHOW_AFTER = 0.3

#: The share of a shortened line that its end gets.
_END = 0.7

_CLEAR_LINE = "\r\x1b[K"


class StatusLine:
    """A line that appears after :data:`SHOW_AFTER` seconds. Any thread may set it; the main thread draws it.

    Args:
        clock: returns seconds that never go back.
        lock: held during each write, as another thread may write a notice.
    """

    def __init__(
        self,
        write: Callable[[str], None],
        columns: Callable[[], int],
        clock: Callable[[], float],
        lock: threading.RLock,
    ) -> None:
        self._write = write
        self._columns = columns
        self._clock = clock
        self._lock = lock
        self._text = ""
        self._since = 0.0
        self._shown = ""
        #: Why the request is retried, and when.
        self._retry: tuple[str, float] | None = None

    def set(self, text: str) -> None:
        """Set what the program is waiting for; `""` ends the wait."""
        with self._lock:
            if not text:
                self.clear()
                return
            if not self._text:
                self._since = self._clock()
            self._text = one_line(text)
            self._retry = None

    def count_down(self, reason: str, delay: float) -> None:
        """Count down `delay` seconds to another try."""
        with self._lock:
            self.set(self._text or "trying again")
            self._retry = (one_line(reason), self._clock() + delay)

    def draw(self) -> None:
        """Show or refresh the line, once the wait has lasted :data:`SHOW_AFTER`."""
        with self._lock:
            now = self._clock()
            elapsed = now - self._since
            if not self._text or elapsed < SHOW_AFTER:
                return
            # The `^C` of a terminal must not wrap the line, as only one is cleared.
            room = max(self._columns() - len("^C "), 0)
            if self._retry is not None and self._retry[1] > now:
                line = clip(f"retrying in {self._retry[1] - now:.0f} s: {self._retry[0]}", room)
            else:
                tail = f" … {elapsed:.0f} s" if elapsed >= 1 else " …"
                # The end of an event's message has the reason.
                line = shorten_middle(self._text, room - len(tail), end=_END) + tail
            if line != self._shown:
                self._shown = line
                self._write(_CLEAR_LINE + line)

    def hide(self, write: Callable[[str], None] | None = None) -> None:
        """Remove the line from the screen until :meth:`draw` shows it again."""
        with self._lock:
            if self._shown:
                (write or self._write)(_CLEAR_LINE)
                self._shown = ""

    def clear(self) -> None:
        """Remove the line from the screen, as the wait is over."""
        if not self._text:
            return
        with self._lock:
            if self._shown:
                self._write(_CLEAR_LINE)
            self._text = self._shown = ""
            self._retry = None
