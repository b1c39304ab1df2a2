"""A client for the API server: gets, lists and watches objects, and opens WebSockets."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from functools import partial
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self, TypeVar

import aiohttp
from yarl import URL

from kaito import __version__
from kaito.cluster.api_connector import ApiConnector, reject_redirects
from kaito.cluster.api_errors import (
    ApiRefusedError,
    ApiUnavailableError,
    api_error,
    check_server,
    watch_error,
)
from kaito.cluster.api_retry import RetrySchedule
from kaito.cluster.auth.cluster_config import ClusterConfig
from kaito.cluster.auth.credentials import Credentials
from kaito.cluster.connection_errors import CONNECT_TIMEOUT, translate_api_errors
from kaito.cluster.kinds import Kind
from kaito.cluster.list_pages import read_pages
from kaito.cluster.object_decoder import MalformedObject, Page, WatchEvent, decode_event, decode_page
from kaito.cluster.transfer import Outgoing, body_lines
from kaito.errors import ClusterError, KaitoError
from kaito.net.responses import BodyTooLargeError, read_up_to, read_whole
from kaito.types import Reporter
from kaito.util import limits
from kaito.util.decoding import DecodeError, decode_json
from kaito.util.time_limits import time_limit

T = TypeVar("T")

#: Seconds that the API server may be silent when the user has set no `--request-timeout`.
_READ_TIMEOUT = 30.0
#: Seconds after which the API server ends a watch.
_WATCH_TIMEOUT = 290
_GET = Outgoing()


class ApiClient:
    """A client for the API server. Use it as an asynchronous context manager, in one event loop.

    All methods raise a `KaitoError` when the API server cannot be reached or rejects a request; see :meth:`get`. A
    request that it does not serve for the moment is repeated, as :mod:`~kaito.cluster.api_retry` decides.

    Args:
        reporter: receives each wait for a retry, and each object of a list that is left out.
        request_timeout: seconds for one request; `None` for no limit. It does not apply to watches and WebSockets.
    """

    def __init__(self, config: ClusterConfig, reporter: Reporter, request_timeout: float | None = None) -> None:
        self.config = config
        self.namespace = config.namespace
        self._reporter = reporter
        self._left_out: set[str] = set()
        self._timeout = aiohttp.ClientTimeout(
            total=request_timeout, sock_connect=CONNECT_TIMEOUT, sock_read=None if request_timeout else _READ_TIMEOUT
        )
        # The API server ends each watch after this time. If it does not, the connection is dead.
        self._watch_timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=CONNECT_TIMEOUT, sock_read=_WATCH_TIMEOUT + CONNECT_TIMEOUT
        )
        self._session: aiohttp.ClientSession | None = None
        self._stack = AsyncExitStack()
        self._certificate: tuple[bytes | None, bytes | None] = (None, None)
        self._lock = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session = None
        await self._stack.aclose()

    async def get(self, path: str, kind: type[Kind]) -> Kind:
        """Return the object at a path, such as `/api/v1/namespaces/default/services/my-llama`.

        Raises:
            ObjectNotFoundError: the object does not exist.
            KindNotServedError: the API server does not serve its kind.
            MissingPermissionError: the user may not read it.
            KaitoError: any other failure.
        """
        name = path.rpartition("/")[2]
        return self._decode(await self.read(path), kind, f"{kind.kind} '{name}'")

    async def post(self, path: str, body: Mapping[str, Any], answer: type[T]) -> T:
        """Send an object, such as a review, and return the response."""
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        response = await self.send(Outgoing(method="POST", headers=headers, data=json.dumps(body).encode()), path, {})
        return self._decode(await self.body(response), answer, "response")

    async def send(self, outgoing: Outgoing, path: str, params: Mapping[str, str]) -> aiohttp.ClientResponse:
        """Send a request that may be repeated; return the response, which :meth:`body` reads and closes."""
        return await self._retrying(lambda: self._request(path, params, self._timeout, outgoing))

    async def items(self, path: str, kind: type[Kind], **params: str) -> list[Kind]:
        """Return the objects of a list. Those that are not valid are left out and reported."""
        items, _ = await self.snapshot(path, kind, params)
        return items

    async def snapshot(
        self, path: str, kind: type[Kind], params: Mapping[str, str], *, retries: bool = True
    ) -> tuple[list[Kind], str]:
        """Return all objects of a list, and the resource version at which a watch can continue."""

        def decode(data: bytes) -> Page[Kind]:
            try:
                page: Page[Kind] = decode_page(data, kind)
            except DecodeError as exc:
                raise self._not_an_api_server(exc, f"list of {kind.kind}s") from None
            self._report_left_out(page.malformed)
            if page.unnamed:
                self._reporter.notice(f"{page.unnamed} more {kind.kind}s are left out, as they are not valid")
            return page

        read = partial(self.read, path, retries=retries, limit=limits.API_PAGE)
        pages = await read_pages(read, params, decode, f"{kind.kind}s")
        return [item for page in pages for item in page.items], pages[-1].version

    async def read(
        self, path: str, params: Mapping[str, str] | None = None, *, retries: bool = True, limit: int | None = None
    ) -> bytes:
        """Return the body of a response.

        Args:
            path: the path of the object or list.
            params: the query.
            retries: whether the request is repeated while the API server is unavailable.
            limit: the most bytes that the body may have; by default, those of a single object.
        """
        return await self.body(await self._get(path, params or {}, self._timeout, retries), limit)

    async def events(
        self, path: str, kind: type[Kind], params: Mapping[str, str], *, retries: bool = True
    ) -> AsyncGenerator[WatchEvent[Kind], None]:
        """Yield the events of one watch, until the API server ends it.

        https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes

        Raises:
            VersionExpiredError: the API server no longer has the query's `resourceVersion`.
        """
        query = {**params, "watch": "1", "allowWatchBookmarks": "true", "timeoutSeconds": str(_WATCH_TIMEOUT)}
        response = await self._get(path, query, self._watch_timeout, retries)
        async with response, aclosing(body_lines(response, self.config)) as lines:
            async for line in lines:
                try:
                    event: WatchEvent[Kind] = decode_event(line, kind)
                except DecodeError as exc:
                    raise self._not_an_api_server(exc, f"watch of {kind.kind}s") from None
                if event.type == "ERROR":
                    raise watch_error(event.status, self.config.flags)
                if event.malformed is not None:
                    self._report_left_out([event.malformed])
                yield event

    async def websocket(
        self, path: str, params: Mapping[str, str], protocols: Sequence[str], *, timeout: float, **options: Any
    ) -> aiohttp.ClientWebSocketResponse:
        """Open a WebSocket, which the caller closes before this client is closed.

        Args:
            path: such as for :meth:`get`.
            timeout: seconds for one attempt, without a login.
            **options: of `aiohttp.ClientSession.ws_connect`.
        """

        async def connect() -> aiohttp.ClientWebSocketResponse:
            try:
                async with time_limit(timeout) as limit:
                    return await self._handshake(path, params, protocols, options)
            except TimeoutError:
                if not limit.expired():
                    raise
                raise ClusterError(f"The API server did not open a WebSocket within {timeout:g} s") from None

        return await self._retrying(connect)

    async def _handshake(
        self, path: str, params: Mapping[str, str], protocols: Sequence[str], options: Mapping[str, Any]
    ) -> aiohttp.ClientWebSocketResponse:
        rejected: Credentials | None = None
        while True:
            credentials = await self.config.credentials.get(rejected)
            session = await self._open_session(credentials)
            try:
                with translate_api_errors(self.config):
                    websocket: aiohttp.ClientWebSocketResponse = await session.ws_connect(
                        self._url(path, params),
                        protocols=protocols,
                        headers=self._headers(credentials),
                        proxy=self.config.proxy,
                        server_hostname=self.config.server_name,
                        timeout=aiohttp.ClientWSTimeout(ws_close=2.0),
                        max_msg_size=limits.WEBSOCKET_MESSAGE,
                        **options,
                    )
                return websocket
            except aiohttp.WSServerHandshakeError as exc:
                if exc.status == 401 and rejected is None:
                    rejected = credentials
                    continue
                raise await self._handshake_error(path, params, protocols, exc) from None

    async def _handshake_error(
        self, path: str, params: Mapping[str, str], protocols: Sequence[str], exc: aiohttp.WSServerHandshakeError
    ) -> KaitoError:
        """Repeat a rejected handshake as a plain request, because aiohttp drops the body, which has the reason."""
        if 300 <= exc.status < 400:
            return api_error(exc.status, exc.headers or {}, b"", self.config.flags)
        if exc.status == 429 or exc.status >= 500:
            # The server is busy: another request would only add to its load.
            return api_error(exc.status, exc.headers or {}, _phrase(exc.status).encode(), self.config.flags)
        headers = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            "Sec-WebSocket-Protocol": ", ".join(protocols),
        }
        try:
            (await self._request(path, params, self._timeout, Outgoing(headers=headers))).close()
        except KaitoError as error:
            return error
        return ClusterError(f"The API server did not open a WebSocket: {exc.message} (HTTP {exc.status})")

    async def body(self, response: aiohttp.ClientResponse, limit: int | None = None) -> bytes:
        """Return the body of a response; see :meth:`read`."""
        async with response:
            try:
                with translate_api_errors(self.config):
                    return await read_whole(response, limit or limits.API_OBJECT)
            except BodyTooLargeError as exc:
                reason = f"The API server's response is too large: {exc}"
                raise ClusterError(reason, check_server(self.config.flags)) from None

    def _decode(self, data: bytes, kind: type[T], what: str) -> T:
        try:
            return decode_json(data, kind)
        except DecodeError as exc:
            if not exc.field:
                raise self._not_an_api_server(exc, what) from None
            raise KaitoError(
                f"The {what} of the API server is not valid: {exc}",
                "The object may be damaged, or of a version that kaito does not know",
            ) from None

    def _not_an_api_server(self, exc: DecodeError, what: str) -> ClusterError:
        reason = str(exc) if exc.reason.startswith("it is ") and not exc.field else f"it is not valid: {exc}"
        return ClusterError(
            f"The server at {self.config.server.origin()} is not an API server: its {what}{reason.removeprefix('it')}",
            check_server(self.config.flags),
        )

    def _report_left_out(self, objects: Iterable[MalformedObject]) -> None:
        """Report each object once, as a watch lists it again."""
        for item in objects:
            if (remark := str(item)) not in self._left_out:
                self._left_out.add(remark)
                self._reporter.notice(remark)

    async def _get(
        self, path: str, params: Mapping[str, str], timeout: aiohttp.ClientTimeout, retries: bool
    ) -> aiohttp.ClientResponse:
        if not retries:
            return await self._request(path, params, timeout)
        return await self._retrying(lambda: self._request(path, params, timeout))

    async def _retrying(self, request: Callable[[], Awaitable[T]]) -> T:
        """Send a request, and repeat it while the API server is unavailable."""
        clock = asyncio.get_running_loop().time
        schedule = RetrySchedule(clock())
        while True:
            try:
                return await request()
            except (ApiUnavailableError, ApiRefusedError) as exc:
                delay = schedule.delay_after(exc, clock())
                if delay is None:
                    raise
                self._reporter.retrying(exc.message, delay)
            await asyncio.sleep(delay)

    async def _request(
        self,
        path: str,
        params: Mapping[str, str],
        timeout: aiohttp.ClientTimeout,
        outgoing: Outgoing = _GET,
    ) -> aiohttp.ClientResponse:
        """Send a request; return the response, which the caller closes.

        If the credentials are rejected, they are renewed once.
        """
        rejected: Credentials | None = None
        while True:
            credentials = await self.config.credentials.get(rejected)
            session = await self._open_session(credentials)
            with translate_api_errors(self.config):
                response = await session.request(
                    outgoing.method,
                    self._url(path, params),
                    data=outgoing.data,
                    headers=[*self._headers(credentials), *outgoing.headers.items()],
                    timeout=timeout,
                    allow_redirects=False,
                    proxy=self.config.proxy,
                    server_hostname=self.config.server_name,
                )
            if response.status in (200, 201):
                return response
            async with response:
                with translate_api_errors(self.config):
                    error = await read_up_to(response, limits.ERROR_BODY)
            if response.status == 401 and rejected is None and credentials != Credentials():
                rejected = credentials
                continue
            if (special := outgoing.explain(response.status, error)) is not None:
                raise special
            expires = credentials.certificate_expiry
            raise api_error(response.status, response.headers, error, self.config.flags, expires=expires)

    async def _open_session(self, credentials: Credentials) -> aiohttp.ClientSession:
        """Return the session; a new one if the client certificate has changed."""
        async with self._lock:
            certificate = (credentials.certificate, credentials.key)
            if self._session is None or self._certificate != certificate:
                secure = self.config.server.scheme == "https"
                connector = ApiConnector(self.config.tls(credentials) if secure else None, self.config.socks)
                self._stack.push_async_callback(connector.close_all)
                # The previous session stays open: its watches and WebSockets keep their certificate.
                self._session = await self._stack.enter_async_context(
                    aiohttp.ClientSession(
                        connector=connector,
                        connector_owner=False,
                        headers={"User-Agent": f"kaito/{__version__}"},
                        cookie_jar=aiohttp.DummyCookieJar(),
                        middlewares=(reject_redirects,),
                    )
                )
                self._certificate = certificate
            return self._session

    def _url(self, path: str, params: Mapping[str, str]) -> URL:
        server = self.config.server
        return server.with_path(server.path.rstrip("/") + path).with_query(dict(params))

    def _headers(self, credentials: Credentials) -> list[tuple[str, str]]:
        headers = self.config.impersonation()
        return [*headers, ("Authorization", credentials.authorization)] if credentials.authorization else headers


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "no reason given"
