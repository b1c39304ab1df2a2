"""How a connection to a model's server is made: TLS, proxies, time limits, and aiohttp's failures in our words."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
from collections.abc import Sequence
from contextvars import ContextVar
from types import SimpleNamespace, TracebackType

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.http import HttpProcessingError
from msgspec import Struct
from multidict import CIMultiDict
from yarl import URL

from kaito import __version__
from kaito.errors import ConnectError, ForbiddenError, UsageError
from kaito.net.proxies import proxy_for
from kaito.net.small_reads import SmallReads
from kaito.openai.retry import ConnectFailure
from kaito.settings import Settings
from kaito.types import Endpoint


class Trace(Struct):
    """What becomes of one request's connection."""

    #: It had served before, and may have been dead unseen; so it is until a new one is made.
    kept: bool = True


class LostError(Exception):
    """The connection failed before the response's head."""

    def __init__(self, lost: ConnectFailure, words: str, trace: Trace) -> None:
        super().__init__(words)
        self.lost = lost
        self.words = words
        self.kept = trace.kept


class BrokenError(Exception):
    """The connection failed in mid-answer."""


def open_session(endpoint: Endpoint, settings: Settings, *, bare: bool = False) -> aiohttp.ClientSession:
    """Return a session for one endpoint. Call it in the event loop; close it there.

    Args:
        endpoint: an open way in.
        settings: time limits, headers and the key.
        bare: whether it says nothing of itself, as its requests are another program's.
    """
    headers = CIMultiDict({} if bare else {"User-Agent": f"kaito/{__version__}", "Accept-Encoding": "identity"})
    headers.update(endpoint.headers)
    if settings.api_key is not None:
        headers["Authorization"] = f"Bearer {settings.api_key}"
    # What the user gives takes the place of ours, and may be given twice.
    for name, _ in settings.headers:
        headers.popall(name, None)
    for name, value in settings.headers:
        headers.add(name, value)
    # A tunnel limits its own dialling, and before that may wait for a new pod, which takes longer.
    connect = None if endpoint.tunnelled else settings.connect_timeout
    timeout = aiohttp.ClientTimeout(total=None, connect=connect, sock_read=settings.idle_timeout)
    tracing = []
    if endpoint.connector is not None and not endpoint.tunnelled:
        tracing.append(aiohttp.TraceConfig())
        tracing[0].on_connection_create_start.append(_note_new)
    return aiohttp.ClientSession(
        connector=endpoint.connector() if endpoint.connector else _connector(endpoint, settings),
        headers=headers,
        timeout=timeout,
        # Nothing here logs in: a cookie would only tie one conversation to another.
        cookie_jar=aiohttp.DummyCookieJar(),
        # aiohttp's reading of the environment would send netrc's passwords; see `proxy_of`.
        trust_env=False,
        trace_configs=tracing,
        middlewares=endpoint.middlewares,
    )


async def _note_new(
    session: aiohttp.ClientSession, context: SimpleNamespace, params: aiohttp.TraceConnectionCreateStartParams
) -> None:
    context.trace_request_ctx.kept = False


def _connector(endpoint: Endpoint, settings: Settings) -> aiohttp.BaseConnector:
    resolver = _Elsewhere(endpoint.addresses) if endpoint.addresses else None
    return aiohttp.TCPConnector(ssl=_tls(endpoint, settings), resolver=resolver, socket_factory=_new_socket)


#: The request that a connection is asked for.
_asking: ContextVar[Trace | None] = ContextVar("_asking", default=None)


def _new_socket(address: aiohttp.AddrInfoType) -> socket.socket:
    """Make a socket, and note for which request: tracing, at a tenth of its price."""
    if (trace := _asking.get()) is not None:
        trace.kept = False
    family, kind, protocol, *_ = address
    return SmallReads(family, kind, protocol)


class _Elsewhere(AbstractResolver):
    """Says of every name that it is at these addresses. What is asked for, and checked by TLS, remains the name."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = addresses
        self._resolver = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found: list[ResolveResult] = []
        failures: list[OSError] = []
        for address in self._addresses:
            try:
                found += await self._resolver.resolve(address, port, family)
            except OSError as exc:
                failures.append(exc)
        if not found:
            raise failures[0]
        return found

    async def close(self) -> None:
        await self._resolver.close()


def _tls(endpoint: Endpoint, settings: Settings) -> ssl.SSLContext | bool:
    if settings.insecure_skip_tls_verify:
        return False
    if settings.certificate_authority is None:
        return endpoint.ssl
    try:
        return ssl.create_default_context(cafile=settings.certificate_authority)
    except OSError as exc:
        raise UsageError(
            f"--certificate-authority: {settings.certificate_authority} is no file of PEM certificates: "
            f"{exc.strerror or exc}"
        ) from exc


def proxy_of(endpoint: Endpoint) -> URL | None:
    """Return the endpoint's own proxy, else the one that the environment names; never that for loopback or a tunnel.

    Raises:
        UsageError: the proxy is of a kind that is not supported.
    """
    if endpoint.proxy is not None:
        return endpoint.proxy
    if not endpoint.proxied or endpoint.connector is not None or endpoint.addresses:
        return None
    return proxy_for(URL(endpoint.url))


class Translated:
    """Turns aiohttp's failures before the response's head into ours, in a `with` block.

    A class, as what `contextlib.contextmanager` makes costs several times as much.

    Args:
        endpoint: where the request goes.
        settings: the time limits, for the words.
        trace: of the request.

    Raises:
        LostError: the connection was refused or closed, which may be worth another try.
        ConnectError: any other failure to get there.
    """

    def __init__(self, endpoint: Endpoint, settings: Settings, trace: Trace) -> None:
        self._endpoint = endpoint
        self._settings = settings
        self._trace = trace

    def __enter__(self) -> None:
        self._asking = _asking.set(self._trace)

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        _asking.reset(self._asking)
        if isinstance(exc, Exception) and (ours := _translation(exc, self._endpoint, self._settings, self._trace)):
            raise ours from None


def _translation(exc: Exception, endpoint: Endpoint, settings: Settings, trace: Trace) -> Exception | None:
    # aiohttp's errors inherit from each other and from OSError: the most specific comes first.
    match exc:
        case aiohttp.ClientConnectorCertificateError():
            told = f"The server's certificate is not trusted: {_reason(exc.certificate_error)}"
            hint = "Name its authority with --certificate-authority, or use --insecure-skip-tls-verify"
            return ConnectError(endpoint.shown_url, told, hint)
        case aiohttp.ClientSSLError():
            told = f"TLS with {exc.host} failed: {_reason(exc)}"
            return ConnectError(endpoint.shown_url, told, "Does the server speak https?")
        case aiohttp.ClientHttpProxyError():
            if exc.status == 407:
                hint = "Put them into the proxy's URL in the environment"
                return ForbiddenError(f"The proxy wants credentials: {exc.message} (HTTP 407)", hint)
            return ConnectError(endpoint.shown_url, f"The proxy refuses: {exc.message} (HTTP {exc.status})")
        case aiohttp.ClientProxyConnectionError():
            told = f"The proxy {_place(exc)} that the environment names cannot be reached"
            return ConnectError(endpoint.shown_url, told)
        case aiohttp.ClientConnectorDNSError():
            return ConnectError(endpoint.shown_url, f"The name {exc.host} is not known")
        case aiohttp.ClientConnectorError():
            words = f"{_place(exc)}: {_reason(exc.os_error)}"
            refused = exc.os_error.errno in (errno.ECONNREFUSED, getattr(errno, "WSAECONNREFUSED", None))
            if refused or isinstance(exc.os_error, ConnectionRefusedError):
                return LostError(ConnectFailure.REFUSED, words, trace)
            return ConnectError(endpoint.shown_url, words)
        case aiohttp.ConnectionTimeoutError():
            told = f"No connection within {settings.connect_timeout:g} s (--connect-timeout)"
            return ConnectError(endpoint.shown_url, told)
        case aiohttp.ServerTimeoutError():
            told = f"The server accepted the request and said nothing for {settings.idle_timeout:g} s (--idle-timeout)"
            return ConnectError(endpoint.shown_url, told)
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError() | ConnectionError():
            # Whether anything listens in a pod shows only after its tunnel stands.
            if isinstance(exc, OSError) and exc.errno == errno.ECONNREFUSED:
                return LostError(ConnectFailure.REFUSED, exc.strerror or "Connection refused", trace)
            told = f"The server closed the connection without an answer{_transport_s_words(exc)}"
            return LostError(ConnectFailure.CLOSED, told, trace)
        case aiohttp.ClientResponseError() | aiohttp.InvalidURL():
            told = f"What answers there does not speak HTTP: {_reason(exc)}"
            return ConnectError(endpoint.shown_url, told)
    return None


class Opened:
    """A response in a `with` block: released at its end, and its body fails when its connection is closed.

    Its own `async with` waits for the connection to close. And aiohttp closes one on which what should be a chunk is
    none, but leaves whoever reads the body waiting, with no time limit.

    Args:
        response: its head has come.
    """

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self._closed: asyncio.Future[None] | None = None

    def __enter__(self) -> aiohttp.ClientResponse:
        # When the body has come whole, it has none any more.
        connection = self._response.connection
        if connection is not None and connection.protocol is not None:
            self._closed = connection.protocol.closed
            if self._closed is None:
                self._fail()
            else:
                # asyncio complains when nobody looks at how it was closed. The connection serves further responses, and
                # one look is enough for all.
                self._closed.remove_done_callback(_look)
                self._closed.add_done_callback(_look)
                self._closed.add_done_callback(self._fail)
        return self._response

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._closed is not None:
            self._closed.remove_done_callback(self._fail)
        self._response.release()

    def _fail(self, closed: asyncio.Future[None] | None = None) -> None:
        content = self._response.content
        if not content.is_eof() and content.exception() is None:
            content.set_exception(aiohttp.ClientPayloadError("The body is not complete"))


def _look(closed: asyncio.Future[None]) -> None:
    if not closed.cancelled():
        closed.exception()


class BodyTranslated:
    """Turns aiohttp's failures while a body is read into :class:`BrokenError`, in a `with` block.

    Args:
        settings: the time limits, for the words.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        match exc:
            case aiohttp.ServerTimeoutError():
                told = f"nothing came for {self._settings.idle_timeout:g} s (--idle-timeout)"
                raise BrokenError(told) from None
            case aiohttp.ClientError() | HttpProcessingError() | ConnectionError():
                raise BrokenError(f"the connection was lost{_transport_s_words(exc.__cause__ or exc)}") from None


def _place(exc: aiohttp.ClientConnectorError) -> str:
    return f"[{exc.host}]:{exc.port}" if ":" in exc.host else f"{exc.host}:{exc.port}"


def _transport_s_words(exc: BaseException) -> str:
    """Return what a transport of our own says of its end: the system's failures have numbers."""
    return f": {exc.strerror}" if isinstance(exc, OSError) and exc.errno is None and exc.strerror else ""


def _reason(exc: BaseException) -> str:
    if isinstance(exc, ssl.SSLCertVerificationError):
        return exc.verify_message
    if isinstance(exc, OSError) and exc.errno and not isinstance(exc, ssl.SSLError):
        # asyncio's own text repeats the address
        return os.strerror(exc.errno)
    if isinstance(exc, OSError) and exc.strerror:
        return exc.strerror
    if isinstance(exc, aiohttp.ClientResponseError):
        return exc.message.partition("\n")[0]
    return str(exc).partition("\n")[0] or type(exc).__name__
