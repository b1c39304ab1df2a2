"""Gives aiohttp's client connections that are tunnels."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol, TypeVar

import aiohttp

if TYPE_CHECKING:
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.tracing import Trace

P = TypeVar("P", bound=asyncio.Protocol)


class Open(Protocol):
    """Makes a connection, as `loop.create_connection` does; :meth:`~.pool.TunnelPool.connect`."""

    def __call__(self, factory: Callable[[], P]) -> Awaitable[tuple[asyncio.Transport, P]]:
        """Return a new connection's transport and the protocol that the factory made for it."""
        ...


class TunnelConnector(aiohttp.BaseConnector):
    """A connector whose every connection is a tunnel, whatever the URL's host.

    aiohttp has no public way to hand in a transport. Overriding `_create_connection`, with the protocols that
    `self._factory` makes, is what its own `UnixConnector` does; nothing else that is private is touched.

    Connections are not kept for the next request: a tunnel may have died without a word, and a request that is sent
    into one just hangs. The next request has a new tunnel, dialled ahead.

    Args:
        open: makes a connection.
    """

    def __init__(self, open: Open) -> None:
        super().__init__(force_close=True, limit=0)
        self._open = open

    async def _create_connection(
        self, req: aiohttp.ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> ResponseHandler:
        try:
            async with asyncio.timeout(timeout.sock_connect):
                _, protocol = await self._open(self._factory)
        except OSError as exc:
            if exc.errno is None and isinstance(exc, TimeoutError):
                raise
            # The class tells that nothing was sent.
            raise aiohttp.ClientConnectorError(req.connection_key, exc) from exc
        return protocol
