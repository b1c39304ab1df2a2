"""An event loop whose clock moves only while it waits: tests of timeouts are exact, and take no time."""

from __future__ import annotations

import asyncio
import selectors


class _Selector(selectors.DefaultSelector):
    """Moves the clock instead of waiting."""

    now = 0.0

    def select(self, timeout=None):
        if timeout is None:
            raise AssertionError("the test waits for something that never happens")
        self.now += timeout
        return super().select(0)


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Use it with `asyncio.Runner(loop_factory=VirtualTimeLoop)`. It cannot do I/O."""

    def __init__(self):
        self._clock = _Selector()
        super().__init__(self._clock)

    def time(self):
        return self._clock.now
