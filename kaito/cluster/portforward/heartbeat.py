"""Detects a dead peer with pings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Heartbeat:
    """Pings a silent peer, and reports it dead if it stays silent.

    That takes two and a quarter to three and a quarter intervals.

    Args:
        interval: seconds between two checks.
        listening: whether the peer is being read at the moment, so that silence means something.
        ping: sends a ping. The pong is reported to :meth:`heard`, like everything that is received.
        died: called once.
    """

    def __init__(
        self, interval: float, *, listening: Callable[[], bool], ping: Callable[[], None], died: Callable[[], None]
    ) -> None:
        self._interval = interval
        self._listening = listening
        self._ping = ping
        self._died = died
        self._silent = False
        self._silent_checks = 0
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(interval, self._check)

    def heard(self) -> None:
        # This is called for every message and must be fast.
        self._silent = False

    def stop(self) -> None:
        self._timer.cancel()

    def _check(self) -> None:
        delay = self._interval
        if not self._silent or not self._listening():
            self._silent, self._silent_checks = True, 0
        else:
            self._silent_checks += 1
            if self._silent_checks == 1:
                self._ping()
            elif self._silent_checks == 2:
                # The event loop may have been blocked, and first needs time to read what has arrived.
                delay /= 4
            else:
                self._died()
                return
        self._timer = self._loop.call_later(delay, self._check)
