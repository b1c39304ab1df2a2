"""A JSON client for the API server: gets, lists and watches objects, and opens WebSockets."""

from __future__ import annotations

import asyncio
import base64
import os
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Any, Self

import aiohttp
import msgspec
from yarl import URL

from kaito import __version__
from kaito.cluster.api_connector import ApiConnector
from kaito.cluster.api_errors import ApiUnavailableError, api_error
from kaito.cluster.auth.cluster_config import ClusterConfig
from kaito.cluster.auth.credentials import Credentials
from kaito.cluster.connection_errors import CONNECT_TIMEOUT, translate_api_errors
from kaito.errors import ClusterError, KaitoError
from kaito.net.responses import read_up_to

#: A Kubernetes object as JSON.
Object = dict[str, Any]

#: Seconds that the API server may be silent when the user has set no `--request-timeout`.
_READ_TIMEOUT = 30.0
#: Attempts of a request while the API server is unavailable, and the base of the backoff in seconds.
_ATTEMPTS = 4
_BACKOFF = 0.25
#: Seconds after which the API server ends a watch.
_WATCH_TIMEOUT = 290
#: Bytes that are read of an error response.
_MAX_ERROR_BODY = 64 * 1024
_PAGE_SIZE = "500"
_JSON: Mapping[str, str] = {"Accept": "application/json"}

_decode = msgspec.json.decode


class ApiClient:
    """A client for the API server. Use it as an asynchronous context manager, in one event loop.

    All methods raise a `KaitoError` when the API server cannot be reached or rejects a request; see :meth:`get`.

    Args:
        request_timeout: seconds for one request; `None` for no limit. It does not apply to watches and WebSockets.
    """

    def __init__(self, config: ClusterConfig, request_timeout: float | None = None) -> None:
        self.config = config
        self.namespace = config.namespace
        self._timeout = aiohttp.ClientTimeout(
            total=request_timeout, sock_connect=CONNECT_TIMEOUT, sock_read=None if request_timeout else _READ_TIMEOUT
        )
        # The API server ends each watch in time. If it does not, the connection is dead.
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

    async def get(self, path: str, **params: str) -> Object:
        """Return the object at a path, such as `/api/v1/namespaces/default/services/my-llama`.

        Raises:
            ObjectNotFoundError: the object does not exist.
            KindNotServedError: the API server does not serve its kind.
            MissingPermissionError: the user may not read it.
            KaitoError: any other failure.
        """
        return self._object(await self.read(path, params))

    async def post(self, path: str, body: Object) -> Object:
        """Send an object, such as a review, and return the response."""
        async with self._request(path, {}, self._timeout, body=body) as response:
            with translate_api_errors(self.config):
                return self._object(await response.read())

    async def items(self, path: str, **params: str) -> list[Object]:
        """Return all objects of a list."""
        items, _ = await self.snapshot(path, params)
        return items

    async def snapshot(self, path: str, params: Mapping[str, str]) -> tuple[list[Object], str]:
        """Return all objects of a list, and the resource version at which a watch can continue."""
        items: list[Object] = []
        query = {**params, "limit": _PAGE_SIZE}
        while True:
            page = await self.get(path, **query)
            metadata = page.get("metadata") or {}
            items += page.get("items") or ()
            if not metadata.get("continue"):
                return items, metadata.get("resourceVersion", "")
            query["continue"] = metadata["continue"]

    async def read(self, path: str, params: Mapping[str, str] | None = None, *, attempts: int = _ATTEMPTS) -> bytes:
        """Return the body of a response. The request is repeated while the API server is unavailable."""
        async with self._retrying(path, params or {}, self._timeout, attempts) as response:
            with translate_api_errors(self.config):
                return await response.read()

    async def events(self, path: str, params: Mapping[str, str]) -> AsyncIterator[Object]:
        """Yield the events of one watch, until the API server ends it.

        https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes

        Raises:
            VersionExpiredError: the API server no longer has the query's `resourceVersion`.
        """
        query = {**params, "watch": "1", "allowWatchBookmarks": "true", "timeoutSeconds": str(_WATCH_TIMEOUT)}
        async with self._retrying(path, query, self._watch_timeout) as response:
            buffer = b""
            while True:
                with translate_api_errors(self.config):
                    data = await response.content.readany()
                if not data:
                    return
                *lines, buffer = (buffer + data).split(b"\n")
                for line in lines:
                    event = self._object(line)
                    if event["type"] == "ERROR":
                        status = event["object"]
                        raise api_error(int(status.get("code") or 500), {}, msgspec.json.encode(status))
                    yield event

    async def websocket(
        self, path: str, params: Mapping[str, str], protocols: Sequence[str], **options: Any
    ) -> aiohttp.ClientWebSocketResponse:
        """Open a WebSocket, which the caller closes before this client is closed.

        Args:
            path: such as for :meth:`get`.
            **options: of `aiohttp.ClientSession.ws_connect`.
        """
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
                        max_msg_size=0,
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
        """Repeat a failed handshake as a plain request: aiohttp drops the body, which has the reason."""
        if 300 <= exc.status < 400:
            return api_error(exc.status, exc.headers or {}, b"")
        headers = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            "Sec-WebSocket-Protocol": ", ".join(protocols),
        }
        try:
            async with self._request(path, params, self._timeout, headers):
                pass
        except KaitoError as error:
            return error
        return ClusterError(f"The API server did not open a WebSocket: {exc.message} (HTTP {exc.status})")

    def _object(self, data: bytes) -> Object:
        try:
            return _decode(data, type=Object)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise ClusterError(
                f"The server at {self.config.server.origin()} is not an API server: its response is not JSON"
            ) from None

    @asynccontextmanager
    async def _retrying(
        self, path: str, params: Mapping[str, str], timeout: aiohttp.ClientTimeout, attempts: int = _ATTEMPTS
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a GET, and repeat it while the API server is unavailable."""
        for attempt in range(1, attempts + 1):
            async with AsyncExitStack() as stack:
                try:
                    response = await stack.enter_async_context(self._request(path, params, timeout))
                except ApiUnavailableError:
                    if attempt == attempts:
                        raise
                else:
                    yield response
                    return
            await asyncio.sleep(_BACKOFF * 2**attempt * random.uniform(0.5, 1))

    @asynccontextmanager
    async def _request(
        self,
        path: str,
        params: Mapping[str, str],
        timeout: aiohttp.ClientTimeout,
        headers: Mapping[str, str] = _JSON,
        body: Object | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a GET, or a POST with a body. If the credentials are rejected, renew them once."""
        rejected: Credentials | None = None
        while True:
            credentials = await self.config.credentials.get(rejected)
            session = await self._open_session(credentials)
            with translate_api_errors(self.config):
                response = await session.request(
                    "GET" if body is None else "POST",
                    self._url(path, params),
                    json=body,
                    headers=[*self._headers(credentials), *headers.items()],
                    timeout=timeout,
                    allow_redirects=False,
                    proxy=self.config.proxy,
                    server_hostname=self.config.server_name,
                )
            async with response:
                if response.status in (200, 201):
                    yield response
                    return
                with translate_api_errors(self.config):
                    error = await read_up_to(response, _MAX_ERROR_BODY)
            if response.status == 401 and rejected is None and credentials != Credentials():
                rejected = credentials
                continue
            raise api_error(response.status, response.headers, error, expires=credentials.certificate_expiry)

    async def _open_session(self, credentials: Credentials) -> aiohttp.ClientSession:
        """Return the session, which is a new one when the client certificate has changed."""
        async with self._lock:
            certificate = (credentials.certificate, credentials.key)
            if self._session is None or self._certificate != certificate:
                secure = self.config.server.scheme == "https"
                connector = ApiConnector(self.config.tls(credentials) if secure else None, self.config.socks)
                self._stack.push_async_callback(connector.close_all)
                # A former session stays open: its watches and WebSockets keep the certificate that they started with.
                self._session = await self._stack.enter_async_context(
                    aiohttp.ClientSession(
                        connector=connector,
                        connector_owner=False,
                        headers={"User-Agent": f"kaito/{__version__}"},
                        cookie_jar=aiohttp.DummyCookieJar(),
                        middlewares=(_reject_redirects,),
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


async def _reject_redirects(
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
