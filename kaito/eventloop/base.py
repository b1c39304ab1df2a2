"""What both kinds of loop do: run a coroutine, stream a generator, hold a context; each a task and a box between."""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, ExitStack, aclosing, closing, contextmanager
from queue import Empty
from types import TracebackType
from typing import Any, Generic, ParamSpec, Protocol, Self, TypeVar, cast

from kaito.errors import Abandoned, Ended, Interrupted
from kaito.eventloop.interrupts import Interrupts, Keyboard

P = ParamSpec("P")
T = TypeVar("T")

#: Seconds between two looks at the clock while somebody watches a wait.
TICK = 0.1
#: Items that may wait for the main thread. Each is what one read brought.
BACKLOG = 256

_DONE = object()


class Box(Protocol):
    """What a task puts things into, and the main thread waits at. A `queue.SimpleQueue` is one."""

    def put(self, item: Any, /) -> None:
        """Put an item into it; in the loop."""

    def get(self, block: bool = ..., timeout: float | None = ..., /) -> Any:
        """Return the next item; on the main thread.

        Args:
            block: is true.
            timeout: seconds.

        Raises:
            queue.Empty: none came within the timeout.
        """

    def qsize(self) -> int:
        """Return how many items wait."""


class Loop(ABC):
    """An event loop. Use it as a context manager on the main thread.

    Args:
        tick: called on the main thread every :data:`TICK` seconds while it waits; `None` when nobody watches.
        keyboard: where the main thread waits for keys; `None` if it does not.
    """

    #: Whether a wait without a limit ends when Ctrl-C is pressed.
    _wakes_by_itself = True

    def __init__(self, tick: Callable[[], None] | None = None, keyboard: Keyboard | None = None) -> None:
        self._tick = tick
        self._loop = asyncio.new_event_loop()
        self._loop.set_default_executor(_DaemonThreads())
        self._interrupts = Interrupts(self._loop, keyboard)
        self._resources = ExitStack()
        self._abandoned = False

    def __enter__(self) -> Self:
        self._resources.enter_context(self._interrupts.handled())
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._resources:
            if self._abandoned or (kind is not None and issubclass(kind, Abandoned)):
                raise Abandoned  # what hangs in the loop is not waited for: the process ends
            last = _Call(self._loop, self._loop.shutdown_asyncgens(), self._new_box())
            self._begin(last)
            self._wait_for_end(last)
            self._stop()
        self._loop.close()
        if kind is None:
            self._interrupts.raise_pending()

    # How the two kinds differ

    @abstractmethod
    def _start(self) -> None:
        """Make the loop ready to run."""

    @abstractmethod
    def _stop(self) -> None:
        """Have it run no more."""

    @abstractmethod
    def _new_box(self) -> Box:
        """Return an empty box."""

    @abstractmethod
    def _soon(self, do: Callable[[], object]) -> None:
        """Have the loop call something, from the main thread."""

    @abstractmethod
    def _give_up(self, box: Box) -> None:
        """Have the main thread wait no longer at this box, or for anything else.

        Raises:
            Abandoned: where that can be done at once.
        """

    # What both do

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine and return its result.

        Raises:
            Interrupted: Ctrl-C came; the coroutine has been cancelled and has cleaned up.
            Ended: likewise, by a signal that ends the process.
            Abandoned: Ctrl-C came again while it did.
        """
        call = _Call(self._loop, coroutine, self._new_box())
        for _ in self._items(call):
            pass
        return call.result()

    def stream(self, source: AsyncGenerator[T, None]) -> Iterator[T]:
        """Yield what an asynchronous generator yields; it is closed when this generator is.

        Raises:
            Interrupted: Ctrl-C came; the source has been closed.
        """
        box = self._new_box()

        async def pump() -> None:
            async with aclosing(source):
                async for item in source:
                    box.put(item)
                    while box.qsize() > BACKLOG:
                        # Nobody reads what is written. Then nothing is read from the network, either.
                        await asyncio.sleep(TICK)

        call = _Call(self._loop, pump(), box)
        try:
            yield from self._items(call)
        finally:
            if not call.done:  # the result is no longer wanted
                call.cancel()
                self._wait_for_end(call)
                self._interrupts.remember(call.reason)
        call.result()

    @contextmanager
    def hold(self, manager: AbstractAsyncContextManager[T]) -> Iterator[T]:
        """Enter an asynchronous context and leave it at the end, both in one task.

        Raises:
            Interrupted: Ctrl-C came while it was entered; it has been left.
        """
        box = self._new_box()
        leave = asyncio.Event()

        async def reside() -> None:
            async with manager as value:
                box.put(value)
                await leave.wait()

        call = _Call(self._loop, reside(), box)
        with closing(self._items(call)) as items:
            entered = next(items, _DONE)
        if entered is _DONE:
            call.result()
        if call.reason is not None:  # it came right after
            self._wait_for_end(call)
            raise call.reason
        try:
            yield cast(T, entered)
        finally:
            self._soon(leave.set)
            self._wait_for_end(call)
        call.result()

    # Within

    def _items(self, call: _Call[Any]) -> Generator[Any, None, None]:
        """Begin a call and yield what it puts into its box, until it is done."""
        waiting = self._interrupts.reaching(call.cancel, lambda: self._abandon(call.box))
        try:
            with waiting:
                missed = self._interrupts.take_pending()
                # Another one may have come since the block began.
                waiting.reason = waiting.reason or missed
                if waiting.reason is None:
                    self._begin(call)
                    while (item := self._next(call.box, self._tick)) is not _DONE:
                        if waiting.reason is None:
                            yield item
                    call.done = True
                else:
                    call.drop()
        finally:
            # After the block, as one may come while that is left.
            call.reason = waiting.reason
        if call.reason is not None:
            raise call.reason

    def _begin(self, call: _Call[Any]) -> None:
        call.done = False
        self._soon(call.begin)

    def _next(self, box: Box, tick: Callable[[], None] | None = None) -> Any:
        while True:
            try:
                item = box.get(True, None if tick is None and self._wakes_by_itself else TICK)
            except Empty:
                if tick is not None:
                    tick()
            else:
                if self._abandoned:
                    raise Abandoned
                return item

    def _abandon(self, box: Box) -> None:
        again, self._abandoned = self._abandoned, True
        if again:
            raise Abandoned
        self._give_up(box)

    def _wait_for_end(self, call: _Call[Any]) -> None:
        """Wait until a call is done, whatever it still puts into its box, unless all has been abandoned.

        Raises:
            Abandoned: Ctrl-C came.
            Ended: a signal that ends the process came; the call has ended.
        """

        def cancel() -> None:
            if not isinstance(waiting.reason, Ended):  # which gives it time
                abandon()

        def abandon() -> None:
            self._abandon(call.box)

        with self._interrupts.reaching(cancel, abandon) as waiting:
            while not call.done and not self._abandoned:
                call.done = self._next(call.box) is _DONE
        if waiting.reason is not None:
            raise waiting.reason


class _Call(Generic[T]):
    """A task in the loop, seen from the main thread. The box gets `_DONE` when it has ended."""

    def __init__(self, loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, T], box: Box) -> None:
        self.box = box
        #: Whether there is nothing to wait for.
        self.done = True
        #: The signal that came while it was waited for.
        self.reason: Interrupted | None = None
        self._loop = loop
        self._coroutine = coroutine
        self._task: asyncio.Task[Any] | None = None
        self._cancelled = False
        self._result: list[T] = []
        self._error: BaseException | None = None

    def drop(self) -> None:
        """Never start it."""
        self._coroutine.close()

    def begin(self) -> None:
        """Start it; in the loop."""
        self._loop.create_task(self._run())

    async def _run(self) -> None:
        # A task that is cancelled before it gets here does nothing, and would not tell that it has ended.
        self._task = asyncio.current_task()
        try:
            if self._cancelled:
                self._coroutine.close()
            else:
                self._result.append(await self._coroutine)
        except BaseException as exc:
            self._error = exc
        # The task's own end would come one turn of the loop later.
        self.box.put(_DONE)

    def cancel(self) -> None:
        """Ask the task to end. A future of `run_coroutine_threadsafe` would call itself cancelled before it has."""
        self._loop.call_soon_threadsafe(self._cancel)

    def _cancel(self) -> None:
        self._cancelled = True
        if self._task is not None:
            self._task.cancel()

    def result(self) -> T:
        if self._error is not None and not isinstance(self._error, asyncio.CancelledError):
            raise self._error
        if not self._result:
            raise Interrupted
        return self._result[0]


class _DaemonThreads(ThreadPoolExecutor):
    """Runs each blocking call on a thread of its own, which does not hold up the end of the process.

    A resolver that never answers cannot be cancelled, and the interpreter waits for a pool's threads.
    """

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Start a call at once."""
        future: Future[T] = Future()

        def work() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(fn(*args, **kwargs))
                except BaseException as exc:
                    future.set_exception(exc)

        threading.Thread(target=work, name="kaito-blocking", daemon=True).start()
        return future
