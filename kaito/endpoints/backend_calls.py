"""Calls backends so that none can delay the others: each step has a time limit, and errors name the backend."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from inspect import isawaitable
from typing import Any

from kaito.endpoints.endpoint_isolation import isolated_endpoint
from kaito.endpoints.result_checks import check_endpoint, checked_candidates
from kaito.errors import ConnectError, PluginError
from kaito.hookspecs import Backend
from kaito.plugin.manager import Offered, Plugins
from kaito.settings import Settings
from kaito.types import Candidate, Endpoint, Reporter
from kaito.types.targets import shown_url
from kaito.util.time_limits import time_limit

#: Seconds without a report after which a backend fails. More than the time limit of a request to the API server.
_SILENCE_LIMIT = 35.0
#: Seconds in which a backend, or its endpoint, must close.
_CLOSE_LIMIT = 5.0


class BackendCalls:
    """Calls the methods of backends, in the event loop.

    A backend may take any time while it reports progress, as during a download. One that is silent for too long fails,
    except during a login of the user. All methods raise a `KaitoError` that names the backend or its plugin when it
    fails.
    """

    def __init__(self, plugins: Plugins, settings: Settings, reporter: Reporter) -> None:
        self._plugins = plugins
        target = self._target = settings.target
        self._reporter = reporter
        # The user's time limits are for single steps of a backend.
        chosen = max(target.request_timeout or 0.0, settings.connect_timeout)
        seconds = max(_SILENCE_LIMIT, 1.2 * chosen)
        hints = ("To try all backends: --backend auto",) if settings.chose_backend else ()
        self._limit = _SilenceLimit(reporter, seconds, shown_url(target.workspace, target.namespace), hints)

    @asynccontextmanager
    async def entered(
        self, offered: Offered[Backend], context: AbstractAsyncContextManager[Any]
    ) -> AsyncIterator[None]:
        """Enter a backend that is a context manager."""
        with self._plugins.isolated(offered.plugin, "being entered"):
            async with self._limit.enforced(f"Backend '{offered.value.name}' did not start"):
                await context.__aenter__()
        async with self._closing(offered, context, "being left"):
            yield

    async def discover(self, offered: Offered[Backend]) -> list[Candidate]:
        """Return a backend's candidates."""
        name = offered.value.name
        with self._plugins.isolated(offered.plugin, "discover"):
            async with self._limit.enforced(f"Backend '{name}' found no endpoint"):
                discovering: Any = offered.value.discover(self._target, self._limit)
                if not isawaitable(discovering):
                    raise TypeError("discover must be 'async def'")
                found = await discovering
            return checked_candidates(found, name)

    @asynccontextmanager
    async def opened(self, offered: Offered[Backend], candidate: Candidate) -> AsyncIterator[Endpoint]:
        """Open the endpoint of a candidate."""
        with self._plugins.isolated(offered.plugin, "open"):
            context: Any = offered.value.open(candidate, self._limit)
            if not isinstance(context, AbstractAsyncContextManager):
                reason = "open must return an asynchronous context manager; is @asynccontextmanager missing?"
                raise TypeError(reason)
            async with self._limit.enforced(f"Backend '{candidate.backend}' did not open its endpoint"):
                endpoint = await context.__aenter__()
        async with self._closing(offered, context, "closing its endpoint"):
            with self._plugins.isolated(offered.plugin, "open"):
                check_endpoint(endpoint)
            yield isolated_endpoint(endpoint, offered.plugin)

    @asynccontextmanager
    async def _closing(
        self, offered: Offered[Backend], context: AbstractAsyncContextManager[Any], action: str
    ) -> AsyncIterator[None]:
        """Leave a context at the end; errors that it then raises name its plugin."""
        try:
            yield
        except BaseException as exc:
            try:
                with self._plugins.isolated(offered.plugin, action):
                    suppressed = await self._leave(offered, context, exc)
            except PluginError as failure:
                if failure.__cause__ is not exc:
                    # It must not hide the exception that ended the block.
                    self._reporter.notice(failure.message)
                raise exc from None
            if not suppressed:
                raise
        else:
            with self._plugins.isolated(offered.plugin, action):
                await self._leave(offered, context, None)

    async def _leave(
        self, offered: Offered[Backend], context: AbstractAsyncContextManager[Any], exc: BaseException | None
    ) -> bool:
        """Leave a context; return whether it suppressed the exception."""
        kind, trace = (type(exc), exc.__traceback__) if exc is not None else (None, None)
        try:
            async with asyncio.timeout(_CLOSE_LIMIT) as scope:
                return bool(await context.__aexit__(kind, exc, trace))
        except TimeoutError:
            if not scope.expired():
                raise
            self._reporter.notice(f"Backend '{offered.value.name}' did not close within {_CLOSE_LIMIT:g} s")
            return False


class _SilenceLimit:
    """A reporter that restarts the time limits of all backends with each report, as backends may wait for each other.

    Args:
        seconds: without a report.
        endpoint: the URL that an error shows.
        hints: what it says in addition.
    """

    def __init__(self, reporter: Reporter, seconds: float, endpoint: str, hints: Sequence[str]) -> None:
        self._reporter = reporter
        self._seconds = seconds
        self._endpoint = endpoint
        self._hints = hints
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._scopes: set[asyncio.Timeout] = set()

    @asynccontextmanager
    async def enforced(self, what: str) -> AsyncIterator[None]:
        """Raise an error when the block is silent for too long.

        Raises:
            ConnectError: the limit was reached. `what` begins the message.
        """
        try:
            async with time_limit(self._seconds) as scope:
                self._scopes.add(scope)
                try:
                    yield
                finally:
                    self._scopes.discard(scope)
        except TimeoutError:
            if not scope.expired():
                raise
            raise ConnectError(self._endpoint, f"{what} within {self._seconds:g} s", *self._hints) from None

    def status(self, text: str) -> None:
        self._restart()
        self._reporter.status(text)

    def retrying(self, reason: str, delay: float) -> None:
        self._restart(delay)
        self._reporter.retrying(reason, delay)

    def notice(self, text: str) -> None:
        self._restart()
        self._reporter.notice(text)

    def _restart(self, extra: float = 0.0) -> None:
        if threading.get_ident() == self._thread:
            self._reschedule(extra)
        else:
            self._loop.call_soon_threadsafe(self._reschedule, extra)

    def _reschedule(self, extra: float) -> None:
        deadline = self._loop.time() + self._seconds + extra
        for scope in self._scopes:
            if not scope.expired() and (scope.when() or deadline) < deadline:
                scope.reschedule(deadline)
