"""The event loop on a thread of its own, for a person."""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable
from queue import Empty
from typing import Any

from kaito.errors import Abandoned
from kaito.eventloop.base import Loop
from kaito.eventloop.call import ResultQueue


class ThreadedLoop(Loop):
    """A loop that runs all the time, independently of the main thread."""

    # Windows does not wake a thread that waits for a lock when Ctrl-C is pressed.
    _wakes_on_signals = sys.platform != "win32"

    def _start(self) -> None:
        self._stopped = False
        self._thread = threading.Thread(target=self._work, name="kaito-loop", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        while not self._run_forever() and not self._stopped:
            pass

    def _stop(self) -> None:
        self._call_in_loop(self._end)
        self._thread.join()

    def _end(self) -> None:
        self._stopped = True
        self._loop.stop()

    def _thread_running(self) -> int | None:
        return self._thread.ident

    def _new_queue(self) -> ResultQueue:
        return _LockedQueue()

    def _call_in_loop(self, function: Callable[[], object]) -> None:
        self._loop.call_soon_threadsafe(function)

    def _stop_waiting(self, queue: ResultQueue) -> None:
        raise Abandoned


class _LockedQueue:
    """A queue with one thread at each end.

    In place of `queue.SimpleQueue`: before Python 3.13 its `get` waits for ever when a signal's handler takes longer
    than the rest of the timeout, as that of Ctrl-Z does.
    """

    def __init__(self) -> None:
        self._items: deque[Any] = deque()
        #: Released when an item was added.
        self._added = threading.Lock()
        self._added.acquire()

    def put(self, item: Any) -> None:
        self._items.append(item)
        if self._added.locked():
            self._added.release()

    def get(self, timeout: float | None) -> Any:
        while not self._items:
            if not self._added.acquire(timeout=-1 if timeout is None else timeout):
                raise Empty
        return self._items.popleft()

    def qsize(self) -> int:
        return len(self._items)
