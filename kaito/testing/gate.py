"""A point in a reply where the server waits for the test, so that tests need no sleep to order events."""

from __future__ import annotations

import asyncio
import contextlib
import threading


class Gate:
    """Holds a reply until the test opens it, and reports when a reply has reached it.

    Put one among the chunks of :class:`~kaito.testing.Say`::

        gate = Gate()
        server.enqueue(Say(chunks=["Hel", gate, "lo"]))
        ...                     # start a chat
        gate.wait_reached()     # "Hel" was sent
        gate.open()             # "lo" follows

    A gate can be used from any thread and by several replies. Once opened, it stays open.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open = False
        self._reached = threading.Event()
        self._waiters: list[asyncio.Future[None]] = []

    def open(self) -> None:
        """Let the replies continue, those that wait and those that arrive later."""
        with self._lock:
            self._open = True
            waiters, self._waiters = self._waiters, []
        for future in waiters:
            _wake(future)

    def wait_reached(self, timeout: float = 60.0) -> None:
        """Wait until a reply has reached this gate.

        Args:
            timeout: seconds.

        Raises:
            AssertionError: no reply reached it in time.
        """
        if not self._reached.wait(timeout):
            raise AssertionError(f"No reply reached the gate within {timeout} s")

    def add_waiter(self, opened: asyncio.Future[None]) -> None:
        """Resolve `opened` when the gate opens. Call this in the future's event loop."""
        with self._lock:
            if self._open:
                opened.set_result(None)
            else:
                self._waiters.append(opened)
        self._reached.set()


def _wake(future: asyncio.Future[None]) -> None:
    def resolve() -> None:
        if not future.done():
            future.set_result(None)

    with contextlib.suppress(RuntimeError):  # the server was stopped and its loop is closed
        future.get_loop().call_soon_threadsafe(resolve)
