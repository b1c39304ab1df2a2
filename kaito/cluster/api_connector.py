"""aiohttp's connections to the API server: closed completely, and never redirected."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import aiohttp
from yarl import URL

from kaito.net.socks import SocksConnector

if TYPE_CHECKING:
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.tracing import Trace


class ApiConnector(SocksConnector):
    """A connector for the API server.

    aiohttp's own forgets a connection that it will not reuse, such as a WebSocket's, as soon as it starts to close. TLS
    then waits for the server, and a loop that ends before that leaves a socket open. This one aborts such connections.
    https://docs.aiohttp.org/en/stable/client_advanced.html#graceful-shutdown

    As in :class:`~kaito.cluster.portforward.connector.TunnelConnector`, only `_create_connection` is overridden.
    """

    def __init__(self, tls: ssl.SSLContext | None, socks: URL | None = None) -> None:
        # No limit: each watch and each WebSocket occupies a connection.
        super().__init__(socks, ssl=tls or False, limit=0)
        self._transports: WeakKeyDictionary[ResponseHandler, asyncio.BaseTransport] = WeakKeyDictionary()

    async def _create_connection(
        self, req: aiohttp.ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> ResponseHandler:
        protocol = await super()._create_connection(req, traces, timeout)
        if protocol.transport is not None:
            self._transports[protocol] = protocol.transport
        return protocol

    async def close_all(self) -> None:
        """Close the connector, and wait until all its connections are closed."""
        await self.close()
        closing = []
        for protocol, transport in [*self._transports.items()]:
            if (closed := protocol.closed) is not None:
                closing.append(closed)
                if isinstance(transport, asyncio.WriteTransport):
                    transport.abort()
        if closing:
            await asyncio.wait(closing)


async def reject_redirects(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Fail a WebSocket that is redirected: aiohttp would send the credentials to the other server."""
    response = await handler(request)
    if 300 <= response.status < 400 and request.headers.get("Upgrade") == "websocket":
        response.close()
        raise aiohttp.WSServerHandshakeError(
            response.request_info,
            response.history,
            status=response.status,
            message="a redirect",
            headers=response.headers,
        )
    return response
