"""The log of the requests that a server received, for tests to inspect and to wait for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from kaito.testing.http_messages import Request

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Disconnect:
    """A client that disconnected in the middle of a reply."""

    #: Its request.
    request: Request
    #: When the server noticed, in seconds of `time.monotonic`.
    at: float


class RequestLog:
    """Records requests and disconnects. The server's thread writes to it; any thread may read it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._requests: list[Request] = []
        self._disconnects: list[Disconnect] = []

    @property
    def requests(self) -> list[Request]:
        """All requests in the order of their arrival, including those that got an error."""
        with self._changed:
            return list(self._requests)

    @property
    def chats(self) -> list[Request]:
        """The requests that were a `POST` to `…/chat/completions`."""
        return [r for r in self.requests if r.method == "POST" and r.path.endswith("/chat/completions")]

    @property
    def disconnects(self) -> list[Disconnect]:
        """The clients that disconnected before their reply was complete.

        A short reply may be complete before the client disconnects: give it a gate or a delay.
        """
        with self._changed:
            return list(self._disconnects)

    def wait_for_requests(self, count: int, timeout: float = 60.0) -> list[Request]:
        """Wait for `count` requests and return all of them.

        Args:
            timeout: seconds.

        Raises:
            AssertionError: there were fewer; the message lists them.
        """
        return self._wait(lambda: self.requests, count, timeout, "requests")

    def wait_for_chats(self, count: int, timeout: float = 60.0) -> list[Request]:
        """Wait for `count` chats and return all of them; see :meth:`wait_for_requests`."""
        return self._wait(lambda: self.chats, count, timeout, "chats")

    def wait_for_disconnect(self, timeout: float = 60.0, *, count: int = 1) -> Disconnect:
        """Wait until `count` clients disconnected in the middle of a reply, and return the last one.

        Args:
            timeout: seconds.

        Raises:
            AssertionError: there were fewer.
        """
        return self._wait(lambda: self.disconnects, count, timeout, "disconnects")[-1]

    def _wait(self, what: Callable[[], list[_T]], count: int, timeout: float, name: str) -> list[_T]:
        with self._changed:
            if self._changed.wait_for(lambda: len(what()) >= count, timeout):
                return what()
            requests = "".join(f"\n  {r.method} {r.target} {r.raw[:200]!r}" for r in self._requests)
        raise AssertionError(f"{len(what())} {name} instead of {count} within {timeout} s; requests:{requests}")

    def _record_request(self, request: Request) -> None:
        with self._changed:
            self._requests.append(request)
            self._changed.notify_all()

    def _record_disconnect(self, request: Request) -> None:
        with self._changed:
            self._disconnects.append(Disconnect(request=request, at=time.monotonic()))
            self._changed.notify_all()
