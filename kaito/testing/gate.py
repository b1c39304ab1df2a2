"""A place in a reply where the server waits for the test: order without sleeping."""

from __future__ import annotations

import asyncio
import contextlib
import threading


class Gate:
    """Holds a reply up until it is opened, and tells when the reply has come to it.

    Put one among the chunks of :class:`~kaito.testing.Say`::

        gate = Gate()
        server.enqueue(Say(chunks=["Hel", gate, "lo"]))
        ...                     # start a chat
        gate.wait_reached()     # "Hel" was sent
        gate.open()             # "lo" follows

    It can be used from any thread, by any number of replies, and stays open.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open = False
        self._reached = threading.Event()
        self._waiting: list[asyncio.Future[None]] = []

    def open(self) -> None:
        """Let the replies go on, those that wait and those that come."""
        with self._lock:
            self._open = True
            waiting, self._waiting = self._waiting, []
        for future in waiting:
            _wake(future)

    def wait_reached(self, timeout: float = 10.0) -> None:
        """Wait until a reply has come to this gate.

        Args:
            timeout: seconds.

        Raises:
            AssertionError: none did in time.
        """
        if not self._reached.wait(timeout):
            raise AssertionError(f"No reply came to the gate within {timeout} s")

    def reached_by(self, opened: asyncio.Future[None]) -> None:
        """Have `opened` resolved when the gate opens. Called in the event loop of the future."""
        with self._lock:
            if self._open:
                opened.set_result(None)
            else:
                self._waiting.append(opened)
        self._reached.set()


def _wake(future: asyncio.Future[None]) -> None:
    def resolve() -> None:
        if not future.done():
            future.set_result(None)

    with contextlib.suppress(RuntimeError):  # its server was stopped
        future.get_loop().call_soon_threadsafe(resolve)
