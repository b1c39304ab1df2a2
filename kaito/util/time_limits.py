"""Time limits that are suspended during a login, which takes as long as the user needs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from weakref import WeakKeyDictionary

from msgspec import Struct, field


class _Limits(Struct):
    """The limits in force in one event loop."""

    #: With their seconds.
    scopes: dict[asyncio.Timeout, float] = field(default_factory=dict)
    logins: int = 0


_limits: WeakKeyDictionary[asyncio.AbstractEventLoop, _Limits] = WeakKeyDictionary()


@asynccontextmanager
async def time_limit(seconds: float | None) -> AsyncIterator[asyncio.Timeout]:
    """Limit the time of a block, as `asyncio.timeout` does, without the time that a login takes in the meantime.

    Raises:
        TimeoutError: the block took longer.
    """
    limits = _current()
    async with asyncio.timeout(None if limits.logins else seconds) as scope:
        if seconds is not None:
            limits.scopes[scope] = seconds
        try:
            yield scope
        finally:
            limits.scopes.pop(scope, None)


@contextmanager
def login() -> Iterator[None]:
    """Suspend the time limits of this event loop during the block, then restart them: all may wait for the login."""
    limits = _current()
    limits.logins += 1
    for scope in limits.scopes:
        _reschedule(scope, None)
    try:
        yield
    finally:
        limits.logins -= 1
        if not limits.logins:
            now = asyncio.get_running_loop().time()
            for scope, seconds in limits.scopes.items():
                _reschedule(scope, now + seconds)


def _reschedule(scope: asyncio.Timeout, when: float | None) -> None:
    if not scope.expired():
        scope.reschedule(when)


def _current() -> _Limits:
    return _limits.setdefault(asyncio.get_running_loop(), _Limits())
