"""An aiohttp connector whose connections are tunnels."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol, TypeVar

import aiohttp

from kaito.util.time_limits import time_limit

if TYPE_CHECKING:
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.tracing import Trace

P = TypeVar("P", bound=asyncio.Protocol)


class OpenConnection(Protocol):
    """Opens a connection, as `loop.create_connection` does; :meth:`~.pool.TunnelPool.connect`."""

    def __call__(self, factory: Callable[[], P]) -> Awaitable[tuple[asyncio.Transport, P]]: ...


class TunnelConnector(aiohttp.BaseConnector):
    """A connector that opens a tunnel for every connection, whatever the URL's host.

    aiohttp has no public API for a custom transport. Like its own `UnixConnector`, this overrides `_create_connection`
    and uses `self._factory`, and no other private attribute.

    Connections are not reused: a tunnel may have died unnoticed, and a request on it would hang. The pool has a spare
    tunnel ready instead.
    """

    def __init__(self, open_connection: OpenConnection) -> None:
        super().__init__(force_close=True, limit=0)
        self._open_connection = open_connection

    async def _create_connection(
        self, req: aiohttp.ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> ResponseHandler:
        try:
            async with time_limit(timeout.sock_connect):
                _, protocol = await self._open_connection(self._factory)
        except OSError as exc:
            if exc.errno is None and isinstance(exc, TimeoutError):
                raise
            # This type of error tells callers that nothing was sent.
            raise aiohttp.ClientConnectorError(req.connection_key, exc) from exc
        return protocol
