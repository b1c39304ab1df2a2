"""HTTP sessions for the model's server: headers, TLS, proxies and time limits."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from contextvars import ContextVar
from types import SimpleNamespace, TracebackType
from typing import Any, Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from msgspec import Struct
from multidict import CIMultiDict
from yarl import URL

from kaito import __version__
from kaito.errors import UsageError
from kaito.net.failures import HTTP_ERRORS, classify, endpoint_error
from kaito.net.proxies import proxy_for
from kaito.net.responses import OpenResponse
from kaito.settings import Settings
from kaito.types import Endpoint

#: Bytes that a socket returns at once. Below 128 KiB, glibc's malloc reuses memory that it already has.
_READ_LIMIT = 96 * 1024
#: aiohttp stops reading a body when it holds twice as many bytes. Below this mark, aiohttp 3.14 resumes reading after
#: each HTTP chunk, which costs more than the chunk itself; with half a read, it does so for only half of the chunks.
_BODY_BUFFER = _READ_LIMIT // 2


class _RequestTrace(Struct):
    """What is recorded about one request's connection."""

    #: Whether it had served an earlier request; true until a connection is created for this one.
    reused: bool = True


class EndpointSession:
    """A session for one endpoint. Create it in the event loop; use it there as a context manager.

    Args:
        endpoint: where requests go, and how they are sent.
        settings: the time limits, the user's headers and key, and the trusted authorities.
        bare: whether to send no headers of kaito's own, because another program makes the requests.

    Raises:
        UsageError: the proxy or the certificate authority cannot be used.
    """

    def __init__(self, endpoint: Endpoint, settings: Settings, *, bare: bool = False) -> None:
        self._endpoint = endpoint
        self._settings = settings
        self._proxy = proxy_of(endpoint)
        # A tunnel has its own time limit for connecting, and may first wait for a new pod, which takes longer.
        connect = None if endpoint.tunnelled else settings.connect_timeout
        tracing = []
        if endpoint.connector is not None and not endpoint.tunnelled:
            tracing.append(aiohttp.TraceConfig())
            tracing[0].on_connection_create_start.append(_note_new_connection)
        self._session = aiohttp.ClientSession(
            connector=endpoint.connector() if endpoint.connector is not None else _connector(endpoint, settings),
            headers=_headers(endpoint, settings, bare=bare),
            timeout=aiohttp.ClientTimeout(total=None, connect=connect, sock_read=settings.idle_timeout),
            # A cookie would only let the server link one conversation to another.
            cookie_jar=aiohttp.DummyCookieJar(),
            read_bufsize=_BODY_BUFFER if endpoint.connector is None else 2 * _BODY_BUFFER,
            # aiohttp would also send the passwords in ~/.netrc; `proxy_of` reads the proxies instead.
            trust_env=False,
            trace_configs=tracing,
            middlewares=endpoint.middlewares,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close its connections."""
        await self._session.close()

    async def request(self, method: str, url: URL, **options: Any) -> OpenResponse:
        """Send a request and return its response for a `with` block. Redirects are not followed.

        Args:
            method: such as `POST`.
            options: passed to :meth:`aiohttp.ClientSession.request`.

        Raises:
            NoResponseError: the connection was refused or closed; a retry may succeed.
            KaitoError: any other reason why there is no response.
        """
        trace = _RequestTrace()
        token = _current_request.set(trace)
        try:
            response = await self._session.request(
                method,
                url,
                allow_redirects=False,
                proxy=self._proxy,
                server_hostname=self._endpoint.server_hostname,
                trace_request_ctx=trace,
                **options,
            )
        except HTTP_ERRORS as exc:
            raise endpoint_error(classify(exc), self._endpoint, self._settings, reused=trace.reused) from None
        finally:
            _current_request.reset(token)
        return OpenResponse(response)


def proxy_of(endpoint: Endpoint) -> URL | None:
    """Return the endpoint's own proxy, or else the environment's; the latter never for loopback or a tunnel.

    Raises:
        UsageError: the proxy is of a kind that is not supported.
    """
    if endpoint.proxy is not None:
        return endpoint.proxy
    if not endpoint.proxied or endpoint.connector is not None or endpoint.addresses:
        return None
    return proxy_for(URL(endpoint.url))


class SmallReads(socket.socket):
    """A socket that returns at most 96 KiB at once.

    asyncio allocates 256 KiB for each read, even if a single token arrives. That much memory is mapped and unmapped
    each time, which can cost more than the read itself. See https://github.com/python/cpython/issues/85451.
    """

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """Return the data that has arrived, or the beginning of it."""
        return super().recv(min(bufsize, _READ_LIMIT), flags)


#: The request for which a connection is created.
_current_request: ContextVar[_RequestTrace | None] = ContextVar("_current_request", default=None)


def _new_socket(address: aiohttp.AddrInfoType) -> socket.socket:
    """Create a socket, and record that its request has a new connection: aiohttp's tracing costs ten times as much."""
    if (trace := _current_request.get()) is not None:
        trace.reused = False
    family, kind, protocol, *_ = address
    return SmallReads(family, kind, protocol)


async def _note_new_connection(
    session: aiohttp.ClientSession, context: SimpleNamespace, params: aiohttp.TraceConnectionCreateStartParams
) -> None:
    context.trace_request_ctx.reused = False


def _headers(endpoint: Endpoint, settings: Settings, *, bare: bool) -> CIMultiDict[str]:
    headers = CIMultiDict({} if bare else {"User-Agent": f"kaito/{__version__}", "Accept-Encoding": "identity"})
    headers.update(endpoint.headers)
    if settings.api_key is not None:
        headers["Authorization"] = f"Bearer {settings.api_key}"
    # The user's headers replace ours, and the user may give the same name twice.
    for name, _ in settings.headers:
        headers.popall(name, None)
    for name, value in settings.headers:
        headers.add(name, value)
    return headers


def _connector(endpoint: Endpoint, settings: Settings) -> aiohttp.BaseConnector:
    resolver = _FixedResolver(endpoint.addresses) if endpoint.addresses else None
    # `kaito forward` has as many connections as its clients need.
    return aiohttp.TCPConnector(limit=0, ssl=_tls(endpoint, settings), resolver=resolver, socket_factory=_new_socket)


class _FixedResolver(AbstractResolver):
    """Resolves every name to the given addresses. The `Host` header and the TLS check still use the name."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = addresses
        self._resolver = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        results: list[ResolveResult] = []
        failures: list[OSError] = []
        for address in self._addresses:
            try:
                results += await self._resolver.resolve(address, port, family)
            except OSError as exc:
                failures.append(exc)
        if not results:
            raise failures[0]
        return results

    async def close(self) -> None:
        await self._resolver.close()


def _tls(endpoint: Endpoint, settings: Settings) -> ssl.SSLContext | bool:
    if settings.insecure_skip_tls_verify:
        return False
    path = settings.certificate_authority
    if path is None:
        return endpoint.ssl
    try:
        return ssl.create_default_context(cafile=path)
    except OSError as exc:
        reason = exc.strerror or exc
        raise UsageError(f"--certificate-authority: {path} is not a file of PEM certificates: {reason}") from exc
