"""The API server, spoken to in JSON: read an object, list some, follow their changes, open a WebSocket."""

from __future__ import annotations

import asyncio
import base64
import math
import os
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Any, Self

import aiohttp
import msgspec
from yarl import URL

from kaito import __version__
from kaito.cluster.api_errors import Expired, Unavailable, refusal
from kaito.cluster.auth.cluster_config import ClusterConfig, certificate_expiry
from kaito.cluster.auth.credentials import Credentials
from kaito.cluster.connection_errors import CONNECT_TIMEOUT, translate_api_errors
from kaito.cluster.portforward.dial import WEBSOCKET_OPTIONS
from kaito.errors import ClusterError, ForbiddenError, KaitoError, NotFoundError
from kaito.net.responses import read_up_to

#: A Kubernetes object, as it was sent.
Object = dict[str, Any]

#: Seconds that the API server may be silent over a request without a limit of the user's.
_SILENCE = 30.0
#: Tries of a request that the API server is too busy for, and the seconds before the second.
_TRIES = 4
_PAUSE = 0.25
#: Seconds after which the API server ends a watch, and it is begun anew.
_WATCH_SECONDS = 290
#: Most seconds between two tries to follow again.
_LONGEST_PAUSE = 5.0
#: Seconds after an absence in which the API server may refuse what it allowed before.
_STARTING = 20.0
#: Bytes of an answer that tells of a failure.
_LONGEST_REFUSAL = 64 * 1024
_PAGE = "500"
#: Seconds that closed connections take to go.
_FAREWELL = 0.002
_JSON: Mapping[str, str] = {"Accept": "application/json"}

_decode = msgspec.json.decode


class ApiClient:
    """A connection to the API server. Use it as a context manager, in one event loop.

    Args:
        access: where it is, and as whom it is asked.
        request_timeout: seconds for one request; `None` for no limit. What lasts on purpose, as a watch does, has none.
    """

    def __init__(self, access: ClusterConfig, request_timeout: float | None = None) -> None:
        self.access = access
        self.namespace = access.namespace
        self._timeout = aiohttp.ClientTimeout(
            total=request_timeout, sock_connect=CONNECT_TIMEOUT, sock_read=None if request_timeout else _SILENCE
        )
        # A watch ends by itself: one that is silent for longer has lost its server.
        self._lasting = aiohttp.ClientTimeout(
            total=None, sock_connect=CONNECT_TIMEOUT, sock_read=_WATCH_SECONDS + CONNECT_TIMEOUT
        )
        self._session: aiohttp.ClientSession | None = None
        self._former: list[aiohttp.ClientSession] = []
        self._shown: tuple[bytes | None, bytes | None] = (None, None)
        self._opening = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        sessions, self._former = [*self._former, *([self._session] if self._session else [])], []
        self._session = None
        if sessions:
            for session in sessions:
                await session.close()
            # A WebSocket over TLS that is cut has its transport closed a moment later, which the loop's end must not
            # come before (https://docs.aiohttp.org/en/stable/client_advanced.html#graceful-shutdown).
            await asyncio.sleep(_FAREWELL)

    async def get(self, path: str, **params: str) -> Object:
        """Return the object at a path, such as `/api/v1/namespaces/default/services/my-llama`.

        Raises:
            Missing: there is none.
            NotServed: the API server does not know its kind.
            PermissionMissing: the user may not read it.
            KaitoError: any other failure.
        """
        return self._decoded(await self.read(path, params))

    async def post(self, path: str, body: Object) -> Object:
        """Send an object, and return the answer: of use for questions, as nothing here changes a cluster.

        Raises:
            KaitoError: as for :meth:`get`.
        """
        async with self._request(path, {}, self._timeout, body=body) as response:
            with translate_api_errors(self.access):
                return _decode(await response.read(), type=Object)

    async def items(self, path: str, **params: str) -> list[Object]:
        """Return all objects at a path, whichever pages they come on.

        Raises:
            KaitoError: as for :meth:`get`.
        """
        items, _ = await self._list(path, params)
        return items

    async def read(self, path: str, params: Mapping[str, str] | None = None, *, tries: int = _TRIES) -> bytes:
        """Return what is at a path, as it was sent.

        Args:
            path: below the server's own.
            params: the query.
            tries: how often it is asked at most while the API server, or what it asks in turn, is not available.

        Raises:
            KaitoError: as for :meth:`get`.
        """
        async with self._patiently(path, params or {}, self._timeout, tries) as response:
            with translate_api_errors(self.access):
                return await response.read()

    async def follow(
        self, path: str, *, lost: Callable[[KaitoError], None] | None = None, **params: str
    ) -> AsyncGenerator[dict[str, Object], None]:
        """Yield the objects at a path by `namespace/name`: first all, then again after each change.

        It lasts: an interrupted watch is begun anew, and so is one from a point that the API server has forgotten.

        Args:
            path: a list's.
            lost: told once when the API server is lost, before it is tried again; without it that is an error.
            **params: such as `fieldSelector`.

        Raises:
            KaitoError: the first list fails, or a later one in a way that waiting does not mend.
        """
        pause, known, absent = _PAUSE, False, -math.inf
        while True:
            try:
                items, version = await self._list(path, params)
                objects = {_key(item): item for item in items}
                pause, known, absent = _PAUSE, True, -math.inf
                yield objects
                while True:
                    async for event in self._watch(path, {**params, "resourceVersion": version}):
                        version = event["object"]["metadata"]["resourceVersion"]
                        if event["type"] == "BOOKMARK":
                            continue
                        if event["type"] == "DELETED":
                            objects.pop(_key(event["object"]), None)
                        else:
                            objects[_key(event["object"])] = event["object"]
                        yield objects
                    await asyncio.sleep(_PAUSE)
            except Expired:
                await asyncio.sleep(_PAUSE)
            except ClusterError as exc:
                if not known or lost is None:
                    raise
                if pause == _PAUSE:
                    lost(exc)
                absent = time.monotonic()
                await asyncio.sleep(pause * random.uniform(0.5, 1))
                pause = min(pause * 2, _LONGEST_PAUSE)
            except (ForbiddenError, NotFoundError):
                # One that has just started knows neither its roles nor its definitions yet.
                if time.monotonic() - absent > _STARTING:
                    raise
                await asyncio.sleep(_PAUSE)

    async def websocket(
        self, path: str, params: Mapping[str, str], protocols: Sequence[str]
    ) -> aiohttp.ClientWebSocketResponse:
        """Open a WebSocket. Whoever asked for it closes it, before the cluster's own connection is closed.

        Raises:
            KaitoError: as for :meth:`get`.
        """
        refused: Credentials | None = None
        while True:
            grant = await self.access.credentials.grant(refused)
            session = await self._open(grant)
            try:
                with translate_api_errors(self.access):
                    websocket: aiohttp.ClientWebSocketResponse = await session.ws_connect(
                        self._url(path, params),
                        protocols=protocols,
                        headers=self._headers(grant),
                        proxy=self.access.proxy,
                        server_hostname=self.access.server_name,
                        timeout=aiohttp.ClientWSTimeout(ws_close=2.0),
                        max_msg_size=0,
                        **WEBSOCKET_OPTIONS,
                    )
                return websocket
            except aiohttp.WSServerHandshakeError as exc:
                # The handshake's answer is gone by now; asked as plain HTTP, the server says why.
                if exc.status == 401 and refused is None:
                    refused = grant
                    continue
                raise await self._why_not(path, params, protocols, exc) from None

    async def _why_not(
        self, path: str, params: Mapping[str, str], protocols: Sequence[str], exc: aiohttp.WSServerHandshakeError
    ) -> KaitoError:
        """Knock once more, as a WebSocket does, for the answer's words."""
        if 300 <= exc.status < 400:
            return refusal(exc.status, exc.headers or {}, b"")
        knock = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            "Sec-WebSocket-Protocol": ", ".join(protocols),
        }
        try:
            async with self._request(path, params, self._timeout, knock):
                pass
        except KaitoError as told:
            return told
        return ClusterError(f"The API server does not open a WebSocket: {exc.message} (HTTP {exc.status})")

    def _decoded(self, data: bytes) -> Object:
        try:
            return _decode(data, type=Object)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise ClusterError(f"What answers at {self.access.server.origin()} is no API server") from None

    async def _list(self, path: str, params: Mapping[str, str]) -> tuple[list[Object], str]:
        items: list[Object] = []
        query = {**params, "limit": _PAGE}
        while True:
            page = await self.get(path, **query)
            metadata = page.get("metadata") or {}
            items += page.get("items") or ()
            if not metadata.get("continue"):
                return items, metadata.get("resourceVersion", "")
            query["continue"] = metadata["continue"]

    async def _watch(self, path: str, params: Mapping[str, str]) -> AsyncIterator[Object]:
        """Yield one watch's events; it ends when the API server ends it.

        https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
        """
        query = {**params, "watch": "1", "allowWatchBookmarks": "true", "timeoutSeconds": str(_WATCH_SECONDS)}
        async with self._patiently(path, query, self._lasting) as response:
            rest = b""
            while True:
                with translate_api_errors(self.access):
                    data = await response.content.readany()
                if not data:
                    return
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    event = self._decoded(line)
                    if event["type"] == "ERROR":
                        status = event["object"]
                        raise refusal(int(status.get("code") or 500), {}, msgspec.json.encode(status))
                    yield event

    @asynccontextmanager
    async def _patiently(
        self, path: str, params: Mapping[str, str], timeout: aiohttp.ClientTimeout, tries: int = _TRIES
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a GET, again while the API server is too busy for it."""
        for attempt in range(1, tries + 1):
            async with AsyncExitStack() as stack:
                try:
                    response = await stack.enter_async_context(self._request(path, params, timeout))
                except Unavailable:
                    if attempt == tries:
                        raise
                else:
                    yield response
                    return
            await asyncio.sleep(_PAUSE * 2**attempt * random.uniform(0.5, 1))

    @asynccontextmanager
    async def _request(
        self,
        path: str,
        params: Mapping[str, str],
        timeout: aiohttp.ClientTimeout,
        more: Mapping[str, str] = _JSON,
        body: Object | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a GET, or a POST if there is something to send; renew the credentials once if they are refused.

        Raises:
            KaitoError: the server cannot be reached, or its answer is neither 200 nor 201.
        """
        refused: Credentials | None = None
        while True:
            grant = await self.access.credentials.grant(refused)
            session = await self._open(grant)
            with translate_api_errors(self.access):
                response = await session.request(
                    "GET" if body is None else "POST",
                    self._url(path, params),
                    json=body,
                    headers=[*self._headers(grant), *more.items()],
                    timeout=timeout,
                    allow_redirects=False,
                    proxy=self.access.proxy,
                    server_hostname=self.access.server_name,
                )
            async with response:
                if response.status in (200, 201):
                    yield response
                    return
                with translate_api_errors(self.access):
                    said = await read_up_to(response, _LONGEST_REFUSAL)
            if response.status == 401 and refused is None and grant != Credentials():
                refused = grant
                continue
            raise refusal(response.status, response.headers, said, expires=certificate_expiry(grant))

    async def _open(self, grant: Credentials) -> aiohttp.ClientSession:
        """Return the session; a new one when the client's certificate is a new one."""
        async with self._opening:
            shown = (grant.certificate, grant.key)
            if self._session is None or self._shown != shown:
                if self._session is not None:
                    # Tunnels and watches that it carries go on with the certificate that they began with.
                    self._former.append(self._session)
                secure = self.access.server.scheme == "https"
                self._session = aiohttp.ClientSession(
                    # Watches and tunnels each take one for themselves.
                    connector=aiohttp.TCPConnector(ssl=self.access.tls(grant) if secure else False, limit=0),
                    headers={"User-Agent": f"kaito/{__version__}"},
                    cookie_jar=aiohttp.DummyCookieJar(),
                    middlewares=(_refuse_redirects,),
                )
                self._shown = shown
            return self._session

    def _url(self, path: str, params: Mapping[str, str]) -> URL:
        server = self.access.server
        return server.with_path(server.path.rstrip("/") + path).with_query(dict(params))

    def _headers(self, grant: Credentials) -> list[tuple[str, str]]:
        headers = self.access.impersonation()
        return [*headers, ("Authorization", grant.authorization)] if grant.authorization else headers


def _key(item: Object) -> str:
    metadata = item["metadata"]
    return f"{metadata.get('namespace', '')}/{metadata['name']}"


async def _refuse_redirects(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Follow none, which aiohttp would do for a WebSocket: the headers say who asks, and are the API server's alone."""
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
