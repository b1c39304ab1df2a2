"""A connector that goes through a SOCKS 5 proxy (RFC 1928), with python-socks."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from kaito.net.proxies import SOCKS_PORT

if TYPE_CHECKING:
    from aiohttp.client_proto import ResponseHandler


class SocksConnector(aiohttp.TCPConnector):
    """A connector that connects through a SOCKS proxy, or directly without one. The proxy resolves names.

    Only `_wrap_create_connection` is overridden, as other SOCKS connectors for aiohttp do.

    Args:
        socks: the proxy.
        options: passed to :class:`aiohttp.TCPConnector`.
    """

    def __init__(self, socks: URL | None, **options: Any) -> None:
        if socks is not None:
            options["resolver"] = _NoResolver()
        super().__init__(**options)
        self._socks = socks

    async def _wrap_create_connection(
        self, *args: Any, req: aiohttp.ClientRequest, timeout: aiohttp.ClientTimeout, **options: Any
    ) -> tuple[asyncio.Transport, ResponseHandler]:
        if self._socks is None:
            return await super()._wrap_create_connection(*args, req=req, timeout=timeout, **options)
        [(*_, address), *_] = options.pop("addr_infos")
        options.pop("client_error", None)
        connected = await self._dial(self._socks, address[0], address[1], req, timeout.sock_connect)
        try:
            return await super()._wrap_existing_connection(*args, req=req, timeout=timeout, sock=connected, **options)
        except BaseException:
            connected.close()
            raise

    async def _dial(
        self, proxy: URL, host: str, port: int, request: aiohttp.ClientRequest, timeout: float | None
    ) -> socket.socket:
        import python_socks
        from python_socks.async_.asyncio import Proxy

        try:
            return await Proxy(
                python_socks.ProxyType.SOCKS5,
                proxy.host or "",
                proxy.explicit_port or SOCKS_PORT,
                username=proxy.user,
                password=proxy.password,
                rdns=True,
            ).connect(host, port, timeout=timeout)
        except python_socks.ProxyTimeoutError:
            raise aiohttp.ConnectionTimeoutError from None
        except (OSError, ValueError, python_socks.ProxyError) as exc:
            reason = getattr(exc, "strerror", None) or str(exc)
            failure = OSError(getattr(exc, "errno", None), reason)
            raise aiohttp.ClientProxyConnectionError(request.connection_key, failure) from None


class _NoResolver(AbstractResolver):
    """Leaves the resolution of names to the proxy."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host=host, port=port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        pass
