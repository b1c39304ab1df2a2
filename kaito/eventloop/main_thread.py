"""The event loop on the main thread, for scripts."""

from __future__ import annotations

import asyncio
import os
import stat
import threading
from collections import deque
from collections.abc import Callable
from queue import Empty
from typing import Any

from kaito.errors import Abandoned
from kaito.eventloop.base import Loop
from kaito.eventloop.call import ResultQueue


class MainThreadLoop(Loop):
    """A loop that runs only while the main thread waits for it."""

    def wait_for_input(self, fd: int) -> None:
        """Run the loop until there is input, or its end.

        Args:
            fd: a file descriptor. One that the loop cannot wait for counts as ready.

        Raises:
            Interrupted: Ctrl-C.
        """

        if stat.S_ISREG(os.fstat(fd).st_mode):  # kqueue would wait for the file to grow
            return

        async def ready() -> None:
            event = asyncio.Event()
            try:
                self._loop.add_reader(fd, event.set)
            except OSError:  # a device, such as /dev/null
                return
            try:
                await event.wait()
            finally:
                self._loop.remove_reader(fd)

        self.run(ready())

    def _start(self) -> None:
        pass

    def _stop(self) -> None:
        pass

    def _thread_running(self) -> int | None:
        return threading.main_thread().ident

    def _new_queue(self) -> ResultQueue:
        return _RunningQueue(self._loop, self._run_forever)

    def _call_in_loop(self, function: Callable[[], object]) -> None:
        function()

    def _stop_waiting(self, queue: ResultQueue) -> None:
        if not self._loop.is_running():
            raise Abandoned
        # asyncio swallows what a signal's handler raises in the middle of a callback.
        self._loop.call_soon_threadsafe(queue.put, None)


class _RunningQueue:
    """A queue that runs the loop until it has an item."""

    def __init__(self, loop: asyncio.AbstractEventLoop, run: Callable[[], object]) -> None:
        self._loop = loop
        self._run_forever = run
        self._items: deque[Any] = deque()

    def put(self, item: Any) -> None:
        # The loop still finishes its round: the end of an answer may arrive together with its last piece.
        if not self._items:
            self._loop.stop()
        self._items.append(item)

    def get(self, timeout: float | None) -> Any:
        if not self._items:
            self._run(timeout)
        return self._items.popleft()

    def _run(self, timeout: float | None) -> None:
        over = False

        def end() -> None:
            nonlocal over
            over = True
            self._loop.stop()

        limit = None if timeout is None else self._loop.call_later(timeout, end)
        # Other queues stop the loop, too.
        while not self._items and not over:
            self._run_forever()
        if limit is not None:
            limit.cancel()
        if not self._items:
            raise Empty

    def qsize(self) -> int:
        return len(self._items)
