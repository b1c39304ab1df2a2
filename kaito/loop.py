"""The one event loop, on a background thread, and how the main thread waits for it.

The loop runs while the prompt waits for a key: connections stay alive, tunnels answer their pings. Ctrl-C reaches the
main thread alone; there the first cancels what runs in the loop and the wait goes on until that has cleaned up, the
second raises `Abandoned`. A signal that ends the process does as the first, and never as the second.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, ExitStack, aclosing, closing, contextmanager
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, Generic, ParamSpec, Self, TypeVar, cast

from kaito.errors import Abandoned, Interrupted
from kaito.interrupts import Interrupts

P = ParamSpec("P")
T = TypeVar("T")

#: Seconds between two looks at the clock while somebody watches a wait.
TICK = 0.1
#: Items that may wait for the main thread. Each is what one read brought.
BACKLOG = 256
#: Windows does not wake a thread that waits for a lock when Ctrl-C is pressed.
_WAKES_BY_ITSELF = sys.platform != "win32"

_DONE = object()


class LoopThread:
    """An event loop on a thread of its own. Use it as a context manager on the main thread.

    Args:
        tick: called on the main thread every :data:`TICK` seconds while it waits; `None` when nobody watches.
    """

    def __init__(self, tick: Callable[[], None] | None = None) -> None:
        self._tick = tick
        self._loop = asyncio.new_event_loop()
        self._loop.set_default_executor(_DaemonThreads())
        self._thread = threading.Thread(target=self._loop.run_forever, name="kaito-loop", daemon=True)
        self._interrupts = Interrupts(self._loop)
        self._resources = ExitStack()

    def __enter__(self) -> Self:
        self._resources.enter_context(self._interrupts.handled())
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._resources:
            if kind is not None and issubclass(kind, Abandoned):
                return  # what hangs in the loop is not waited for: the process ends
            self.run(self._loop.shutdown_asyncgens())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._loop.close()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine and return its result.

        Raises:
            Interrupted: Ctrl-C came; the coroutine has been cancelled and has cleaned up.
            Ended: likewise, by a signal that ends the process.
            Abandoned: Ctrl-C came again while it did.
        """
        call = _Call(self._loop, coroutine, SimpleQueue())
        for _ in self._items(call):
            pass
        return call.result()

    def stream(self, source: AsyncGenerator[T, None]) -> Iterator[T]:
        """Yield what an asynchronous generator yields; it is closed when this generator is.

        Raises:
            Interrupted: Ctrl-C came; the source has been closed.
        """
        box: SimpleQueue[Any] = SimpleQueue()

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
            call.finish()
        call.result()

    @contextmanager
    def hold(self, manager: AbstractAsyncContextManager[T]) -> Iterator[T]:
        """Enter an asynchronous context and leave it at the end, both in one task.

        Raises:
            Interrupted: Ctrl-C came while it was entered; it has been left.
        """
        box: SimpleQueue[Any] = SimpleQueue()
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
        try:
            yield cast(T, entered)
        finally:
            self._loop.call_soon_threadsafe(leave.set)
            call.wait()
        call.result()

    def _items(self, call: _Call[Any]) -> Generator[Any, None, None]:
        """Yield what the call puts into its box, until it is done."""
        with self._interrupts.reaching(call.cancel) as interrupted:
            while (item := self._next(call.box)) is not _DONE:
                if interrupted() is None:
                    yield item
            call.done = True
        if reason := interrupted():
            raise reason

    def _next(self, box: SimpleQueue[Any]) -> Any:
        if self._tick is None and _WAKES_BY_ITSELF:
            return box.get()
        while True:
            try:
                return box.get(timeout=TICK)
            except Empty:
                if self._tick is not None:
                    self._tick()


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


class _Call(Generic[T]):
    """A task in the loop, seen from the main thread. The box gets `_DONE` when it has ended."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, T], box: SimpleQueue[Any]
    ) -> None:
        self.box = box
        self.done = False
        self._loop = loop
        self._coroutine = coroutine
        self._task: asyncio.Task[T]
        loop.call_soon_threadsafe(self._begin)

    def _begin(self) -> None:
        self._task = self._loop.create_task(self._coroutine)
        self._task.add_done_callback(lambda _: self.box.put(_DONE))

    def cancel(self) -> None:
        """Ask the task to end. A future of `run_coroutine_threadsafe` would call itself cancelled before it has."""
        self._loop.call_soon_threadsafe(lambda: self._task.cancel())

    def wait(self) -> None:
        """Wait for the end, whatever still comes.

        Raises:
            Abandoned: Ctrl-C came.
        """
        try:
            while not self.done:
                self.done = self.box.get() is _DONE
        except KeyboardInterrupt:
            raise Abandoned from None

    def finish(self) -> None:
        """End the task if its result is no longer wanted, and wait until it has cleaned up."""
        if not self.done:
            self.cancel()
            self.wait()

    def result(self) -> T:
        if self._task.cancelled():
            raise Interrupted
        return self._task.result()
