"""The event loop on the main thread, for scripts."""

from __future__ import annotations

import asyncio
import os
import stat
from collections import deque
from collections.abc import Callable
from queue import Empty
from typing import Any

from kaito.errors import Abandoned
from kaito.eventloop.base import Box, Loop


class MainThreadLoop(Loop):
    """A loop that runs while the main thread waits for what runs in it."""

    def wait_for_input(self, fd: int) -> None:
        """Run the loop until there is something to read, or the end of it.

        Args:
            fd: a file descriptor. One that cannot be waited for is taken to be ready.

        Raises:
            Interrupted: Ctrl-C came.
        """

        if stat.S_ISREG(os.fstat(fd).st_mode):  # kqueue would wait for it to grow
            return

        async def ready() -> None:
            came = asyncio.Event()
            try:
                self._loop.add_reader(fd, came.set)
            except OSError:  # a device, such as /dev/null
                return
            try:
                await came.wait()
            finally:
                self._loop.remove_reader(fd)

        self.run(ready())

    def _start(self) -> None:
        pass

    def _stop(self) -> None:
        pass

    def _new_box(self) -> Box:
        return _Box(self._loop)

    def _soon(self, do: Callable[[], object]) -> None:
        do()

    def _give_up(self, box: Box) -> None:
        if not self._loop.is_running():
            raise Abandoned
        # asyncio swallows what a signal's handler raises in the middle of a callback.
        self._loop.call_soon_threadsafe(box.put, None)


class _Box:
    """Runs the loop until there is something in it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._items: deque[Any] = deque()

    def put(self, item: Any) -> None:
        # The loop finishes its round: what ends an answer may come with its last piece.
        if not self._items:
            self._loop.stop()
        self._items.append(item)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
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
        # Another box stops the loop, too.
        while not self._items and not over:
            self._loop.run_forever()
        if limit is not None:
            limit.cancel()
        if not self._items:
            raise Empty

    def qsize(self) -> int:
        return len(self._items)
