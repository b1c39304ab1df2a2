"""The event loop on a thread of its own, for a person."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from queue import SimpleQueue

from kaito.errors import Abandoned
from kaito.eventloop.base import Box, Loop


class ThreadedLoop(Loop):
    """A loop that runs all the time, whatever the main thread does."""

    # Windows does not wake a thread that waits for a lock when Ctrl-C is pressed.
    _wakes_by_itself = sys.platform != "win32"

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._loop.run_forever, name="kaito-loop", daemon=True)
        self._thread.start()

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _new_box(self) -> Box:
        return SimpleQueue()

    def _soon(self, do: Callable[[], object]) -> None:
        self._loop.call_soon_threadsafe(do)

    def _give_up(self, box: Box) -> None:
        raise Abandoned
