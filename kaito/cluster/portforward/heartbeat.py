"""Notices that the other side has gone without a word."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Heartbeat:
    """Pings after silence, and takes silence after a ping for death: two and a quarter to three and a quarter beats.

    Args:
        beat: seconds between two looks.
        listening: whether silence means anything just now.
        ping: sends a ping. Its answer is given to :meth:`heard`, as everything else that arrives.
        died: called once.
    """

    def __init__(
        self, beat: float, *, listening: Callable[[], bool], ping: Callable[[], None], died: Callable[[], None]
    ) -> None:
        self._beat = beat
        self._listening = listening
        self._ping = ping
        self._died = died
        self._silent = False
        self._looks_in_vain = 0
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(beat, self._look)

    def heard(self) -> None:
        """Note that something arrived. Cheap: it is called for every message."""
        self._silent = False

    def stop(self) -> None:
        """Look no more."""
        self._timer.cancel()

    def _look(self) -> None:
        pause = self._beat
        if not self._silent or not self._listening():
            self._silent, self._looks_in_vain = True, 0
        else:
            self._looks_in_vain += 1
            if self._looks_in_vain == 1:
                self._ping()
            elif self._looks_in_vain == 2:
                # The loop itself may have stood still: what has arrived meanwhile is read before the last look.
                pause /= 4
            else:
                self._died()
                return
        self._timer = self._loop.call_later(pause, self._look)
