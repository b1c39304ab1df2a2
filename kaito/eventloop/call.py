"""A coroutine that runs in the event loop for the main thread, and the queue between the two."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Generic, Protocol, TypeVar

from kaito.errors import Interrupted
from kaito.eventloop.background_exits import plugin_exit, running_plugin

T = TypeVar("T")

#: The last item that a call puts into its queue.
DONE = object()


class ResultQueue(Protocol):
    """A queue from the loop to the main thread."""

    def put(self, item: Any, /) -> None:
        """Add an item; called in the loop."""

    def get(self, timeout: float | None, /) -> Any:
        """Return the next item; called on the main thread.

        Args:
            timeout: seconds; `None` waits without a limit.

        Raises:
            queue.Empty: none arrived in time.
        """

    def qsize(self) -> int:
        """Return how many items wait."""


class Call(Generic[T]):
    """A running coroutine. `DONE` is put into its queue when it has ended.

    Attributes:
        done: whether it has ended, or not begun.
        reason: the signal that arrived while the main thread waited for it.
        was_failed: whether it ended without a result because a plugin failed in the background.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, T], queue: ResultQueue) -> None:
        self.queue = queue
        self.done = True
        self.reason: Interrupted | None = None
        self.was_failed = False
        self._loop = loop
        self._coroutine = coroutine
        self._task: asyncio.Task[Any] | None = None
        self._cancelled = False
        self._failing = False
        self._result: list[T] = []
        self._error: BaseException | None = None

    def discard(self) -> None:
        """Close the coroutine without starting it."""
        self._coroutine.close()

    def begin(self) -> None:
        """Start it. To be called in the loop."""
        self._loop.create_task(self._run())

    async def _run(self) -> None:
        # A task that is cancelled before it begins does nothing, not even report its end.
        self._task = asyncio.current_task()
        try:
            if self._cancelled:
                self._coroutine.close()
            else:
                self._result.append(await self._coroutine)
        except (SystemExit, KeyboardInterrupt) as exc:
            self._error = plugin_exit(exc, running_plugin.get())
        except asyncio.CancelledError as exc:
            self._error = exc if self._cancelled else plugin_exit(exc, running_plugin.get())
        except BaseException as exc:
            self._error = exc
        self.was_failed = self._failing and not self._result
        # A callback of the task would run one round of the loop later.
        self.queue.put(DONE)

    def cancel(self) -> None:
        """Cancel the task from any thread."""
        # The future of `run_coroutine_threadsafe` would count as cancelled before the task has ended.
        self._loop.call_soon_threadsafe(self._cancel)

    def fail(self) -> None:
        """Cancel the task, once, because a plugin failed in the background. To be called in the loop."""
        if not self._failing:
            self._failing = True
            self._cancel()

    def _cancel(self) -> None:
        self._cancelled = True
        if self._task is not None:
            self._task.cancel()

    def result(self) -> T:
        """Return its result, or raise its exception. To be called on the main thread.

        Raises:
            Interrupted: it was cancelled.
        """
        if self._error is not None and not isinstance(self._error, asyncio.CancelledError):
            raise self._error
        if not self._result:
            raise Interrupted
        return self._result[0]
