"""The base of both loops: runs coroutines, streams generators and holds contexts for the main thread."""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, ExitStack, aclosing, closing, contextmanager
from queue import Empty
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar, cast

from kaito.errors import Abandoned, Ended, PluginError
from kaito.eventloop.background_exits import BackgroundExit
from kaito.eventloop.call import DONE, Call, ResultQueue
from kaito.eventloop.interrupts import Interrupts
from kaito.eventloop.keyboard import Keyboard
from kaito.eventloop.leftover_tasks import LeftoverTasks
from kaito.eventloop.library_logs import silence_libraries
from kaito.eventloop.stalls import StallWatch

P = ParamSpec("P")
T = TypeVar("T")

#: Seconds between two calls of `tick` while the main thread waits.
TICK = 0.1
#: The most items that may wait for the main thread. Each is the result of one read.
BACKLOG = 256

# Rounds of the loop within which a coroutine that awaits a failed task has retrieved its exception.
_RETRIEVAL_ROUNDS = 4


class Loop(ABC):
    """An event loop. Use it as a context manager on the main thread.

    Args:
        tick: called on the main thread every :data:`TICK` seconds while it waits; `None` for no calls.
        keyboard: where the main thread waits for keys; `None` if it does not.
        report: called on any thread with a line about a mistake of a plugin in the background; `None` ignores these.
    """

    #: Whether Ctrl-C ends a wait without a limit.
    _wakes_on_signals = True

    def __init__(
        self,
        tick: Callable[[], None] | None = None,
        keyboard: Keyboard | None = None,
        report: Callable[[str], None] | None = None,
    ) -> None:
        silence_libraries()
        self._report = report
        self._tick = tick
        self._loop = asyncio.new_event_loop()
        self._loop.set_default_executor(_DaemonThreads())
        self._leftovers = LeftoverTasks(self._loop, report)
        self._interrupts = Interrupts(self._loop, keyboard)
        self._resources = ExitStack()
        self._abandoned = False
        #: The call that the main thread waits for.
        self._awaited: Call[Any] | None = None
        #: The failure of a plugin in the background that no call has raised yet.
        self._failure: PluginError | None = None

    def __enter__(self) -> Self:
        self._resources.enter_context(self._interrupts.installed())
        self._start()
        if self._report is not None:
            watch = StallWatch(self._thread_running, self._report).start()
            self._resources.callback(watch.stop)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._resources:
            if self._abandoned or (kind is not None and issubclass(kind, Abandoned)):
                raise Abandoned  # the process ends without waiting for the tasks that still run
            last = Call(self._loop, self._leftovers.finish(), self._new_queue())
            earlier = self._failure
            self._begin(last)
            self._wait_for_end(last, earlier)
            self._stop()
        self._loop.close()
        if kind is None:
            self._interrupts.raise_pending()
            self._raise_failure()
        self._interrupts.take_pending()

    # How the two kinds differ

    @abstractmethod
    def _start(self) -> None:
        """Make the loop ready to run."""

    @abstractmethod
    def _stop(self) -> None:
        """End the loop."""

    @abstractmethod
    def _thread_running(self) -> int | None:
        """Return the identity of the thread that the loop runs on, when it runs."""

    @abstractmethod
    def _new_queue(self) -> ResultQueue:
        """Return an empty queue."""

    @abstractmethod
    def _call_in_loop(self, function: Callable[[], object]) -> None:
        """Let the loop call a function. To be called on the main thread."""

    @abstractmethod
    def _stop_waiting(self, queue: ResultQueue) -> None:
        """Make the main thread stop waiting at a queue.

        Raises:
            Abandoned: the wait can end at once.
        """

    # For the main thread

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine and return its result.

        Raises:
            Interrupted: Ctrl-C; the coroutine was cancelled and has cleaned up.
            Ended: likewise, by a signal that ends the process.
            Abandoned: a second Ctrl-C while it cleaned up.
            PluginError: a plugin failed in the background; the coroutine was cancelled.
        """
        call = Call(self._loop, coroutine, self._new_queue())
        for _ in self._results(call):
            pass
        return call.result()

    def stream(self, source: AsyncGenerator[T, None]) -> Iterator[T]:
        """Yield what an asynchronous generator yields; it is closed when this generator is.

        Raises:
            Interrupted: Ctrl-C; the source has been closed.
            PluginError: a plugin failed in the background; the source has been closed.
        """
        queue = self._new_queue()

        async def pump() -> None:
            async with aclosing(source):
                async for item in source:
                    queue.put(item)
                    while queue.qsize() > BACKLOG:
                        # The output is not read, so stop reading from the network.
                        await asyncio.sleep(TICK)

        call = Call(self._loop, pump(), queue)
        try:
            yield from self._results(call)
        finally:
            if not call.done:  # the rest is not needed
                earlier = self._failure
                call.cancel()
                self._wait_for_end(call, earlier)
                self._interrupts.postpone(call.reason)
        call.result()

    @contextmanager
    def hold(self, manager: AbstractAsyncContextManager[T]) -> Iterator[T]:
        """Enter an asynchronous context and leave it at the end of the block, both in one task.

        Raises:
            Interrupted: Ctrl-C while it was entered; it has been left.
        """
        queue = self._new_queue()
        leave = asyncio.Event()

        async def reside() -> None:
            async with manager as value:
                queue.put(value)
                await leave.wait()

        call = Call(self._loop, reside(), queue)
        with closing(self._results(call)) as results:
            entered = next(results, DONE)
        if entered is DONE:
            call.result()
        if call.reason is not None:  # a signal right after that
            self._wait_for_end(call, self._failure)
            raise call.reason
        try:
            yield cast(T, entered)
        finally:
            earlier = self._failure
            self._call_in_loop(leave.set)
            self._wait_for_end(call, earlier)
        if call.was_failed:
            self._raise_failure()
        call.result()

    # Waiting

    def _results(self, call: Call[Any]) -> Generator[Any, None, None]:
        """Begin a call and yield what it puts into its queue, until it is done."""
        wait = self._interrupts.wait(call.cancel, lambda: self._abandon(call.queue))
        try:
            with wait:
                pending = self._interrupts.take_pending()
                # Another one may have come since the block began.
                wait.reason = wait.reason or pending
                if wait.reason is None:
                    self._begin(call)
                    while (item := self._next(call, self._tick)) is not DONE:
                        if wait.reason is None:
                            yield item
                    call.done = True
                else:
                    call.discard()
        finally:
            # After the block, as a signal may arrive while that is left.
            call.reason = wait.reason
        if call.reason is not None:
            raise call.reason
        if call.was_failed:
            self._raise_failure()

    def _begin(self, call: Call[Any]) -> None:
        call.done = False
        self._call_in_loop(call.begin)

    def _next(self, call: Call[Any], tick: Callable[[], None] | None = None, ignored: PluginError | None = None) -> Any:
        """Return the next item of a call's queue.

        Args:
            call: fails if a plugin failed in the background.
            tick: called while it waits.
        """
        before, self._awaited = self._awaited, call
        try:
            # The loop's thread notes a failure first and then looks for the call: none is overlooked.
            if self._failure is not ignored:
                self._call_in_loop(call.fail)
            timeout = None if tick is None and self._wakes_on_signals else TICK
            while True:
                try:
                    item = call.queue.get(timeout)
                except Empty:
                    if tick is not None:
                        tick()
                else:
                    if self._abandoned:
                        raise Abandoned
                    return item
        finally:
            self._awaited = before

    def _abandon(self, queue: ResultQueue) -> None:
        again, self._abandoned = self._abandoned, True
        if again:
            raise Abandoned
        self._stop_waiting(queue)

    def _wait_for_end(self, call: Call[Any], ignored: PluginError | None) -> None:
        """Wait until a call is done, and drop what it still puts into its queue.

        Args:
            call: cancelled if a plugin fails in the background.

        Raises:
            Abandoned: Ctrl-C.
            Ended: a signal that ends the process; the call has ended.
        """

        def cancel() -> None:
            if not isinstance(wait.reason, Ended):  # such a signal lets the call end
                abandon()

        def abandon() -> None:
            self._abandon(call.queue)

        with self._interrupts.wait(cancel, abandon) as wait:
            while not call.done and not self._abandoned:
                call.done = self._next(call, ignored=ignored) is DONE
        if wait.reason is not None:
            raise wait.reason

    # Failures in the background

    def _run_forever(self) -> bool:
        """Run the loop until it is stopped, or a task or callback raises `SystemExit` or `KeyboardInterrupt`.

        Returns:
            Whether it was stopped.
        """
        try:
            self._loop.run_forever()
        except (SystemExit, KeyboardInterrupt) as exc:
            self._report_unless_handled(BackgroundExit(exc), _RETRIEVAL_ROUNDS)
            return False
        return True

    def _report_unless_handled(self, exit: BackgroundExit, rounds: int) -> None:
        """Fail what the main thread waits for, unless a coroutine that awaits the task handles its exception."""
        if rounds:
            self._loop.call_soon(self._report_unless_handled, exit, rounds - 1)
        elif not exit.is_handled:
            self._failure = exit.take_error()
            if (call := self._awaited) is not None:
                call.fail()

    def _raise_failure(self) -> None:
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure


class _DaemonThreads(ThreadPoolExecutor):
    """Runs each blocking call on a thread of its own, which does not delay the end of the process.

    A resolver that never answers cannot be cancelled, and the interpreter waits for the threads of a pool.
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
