"""What a server saw, for a test to look at and to wait for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from kaito.testing.exchange import Request

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Disconnect:
    """A client that hung up in the middle of a reply."""

    #: What it had asked.
    request: Request
    #: When it was seen, in seconds of `time.monotonic`.
    at: float


class Recorder:
    """Keeps requests and disconnects. Written to on the server's thread, read on any."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._requests: list[Request] = []
        self._disconnects: list[Disconnect] = []

    @property
    def requests(self) -> list[Request]:
        """All requests so far, in their order, also those that were refused."""
        with self._changed:
            return list(self._requests)

    @property
    def chats(self) -> list[Request]:
        """The requests that were a `POST` to `…/chat/completions`."""
        return [r for r in self.requests if r.method == "POST" and r.path.endswith("/chat/completions")]

    @property
    def disconnects(self) -> list[Disconnect]:
        """The clients that hung up before their reply was said to its end.

        A reply that is written at once may be written before its client leaves; give it a gate or a delay.
        """
        with self._changed:
            return list(self._disconnects)

    def wait_for_requests(self, count: int, timeout: float = 5.0) -> list[Request]:
        """Wait until there were `count` requests, and return all.

        Args:
            timeout: seconds.

        Raises:
            AssertionError: there were not; it says which came.
        """
        return self._wait(lambda: self.requests, count, timeout, "requests")

    def wait_for_chats(self, count: int, timeout: float = 5.0) -> list[Request]:
        """Wait until there were `count` chats, and return all; otherwise as `wait_for_requests`."""
        return self._wait(lambda: self.chats, count, timeout, "chats")

    def wait_for_disconnect(self, timeout: float = 5.0, *, count: int = 1) -> Disconnect:
        """Wait until `count` clients hung up in the middle of a reply, and return the last.

        Args:
            timeout: seconds.

        Raises:
            AssertionError: they did not.
        """
        return self._wait(lambda: self.disconnects, count, timeout, "disconnects")[-1]

    def _wait(self, what: Callable[[], list[_T]], count: int, timeout: float, name: str) -> list[_T]:
        with self._changed:
            if self._changed.wait_for(lambda: len(what()) >= count, timeout):
                return what()
            seen = "".join(f"\n  {r.method} {r.target} {r.raw[:200]!r}" for r in self._requests)
        raise AssertionError(f"{len(what())} {name} instead of {count} within {timeout} s; the requests:{seen}")

    def _record_request(self, request: Request) -> None:
        with self._changed:
            self._requests.append(request)
            self._changed.notify_all()

    def _record_disconnect(self, request: Request) -> None:
        with self._changed:
            self._disconnects.append(Disconnect(request=request, at=time.monotonic()))
            self._changed.notify_all()
