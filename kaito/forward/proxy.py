"""The reverse proxy: forwards each HTTP request to an upstream, and streams the response back unchanged."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import aiohttp
import msgspec
from aiohttp import web
from multidict import CIMultiDict

from kaito.errors import KaitoError
from kaito.forward.upstreams import Upstream
from kaito.net.failures import HTTP_ERRORS, NoResponseError
from kaito.net.proxies import is_loopback
from kaito.net.responses import read_up_to

#: Headers of a single connection (RFC 9110, 7.6.1).
_HOP_BY_HOP_HEADERS = {
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
#: Headers that the upstream connection sets for itself.
_OWN_REQUEST_HEADERS = _HOP_BY_HOP_HEADERS | {"host", "expect"}
#: Headers that aiohttp would add to a request without them.
_SKIPPED_AUTO_HEADERS = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
#: Bytes of an error response that may be the API server's.
_MAX_ERROR_BODY = 1024 * 1024
#: Seconds after which a client may retry.
_RETRY_AFTER = "2"


class ReverseProxy:
    """Answers requests with the responses of the upstreams that `choose` returns.

    With `local_only`, requests are rejected that a web page makes in a browser of this machine.
    """

    def __init__(self, choose: Callable[[web.BaseRequest], Upstream], *, local_only: bool) -> None:
        self._choose = choose
        self._local_only = local_only

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        if self._local_only and (reason := _foreign_origin(request)):
            return _error_response(403, reason, "forbidden")
        if (path := _safe_path(request.raw_path)) is None:
            return _error_response(400, "The request's path is not valid", "bad_request")
        try:
            upstream = self._choose(request)
        except KaitoError as exc:
            return _unavailable(exc)
        return await self._forward(request, upstream, path)

    async def _forward(self, request: web.BaseRequest, upstream: Upstream, path: str) -> web.StreamResponse:
        endpoint = upstream.endpoint
        try:
            data = await _whole_body(request) if endpoint.middlewares else _body(request)
        except HTTP_ERRORS:
            return _error_response(400, "The request's body is not complete", "bad_request")
        try:
            opened = await upstream.session.request(
                request.method,
                upstream.url(path),
                headers=_forwarded_headers(request.headers, _OWN_REQUEST_HEADERS, upstream.own_headers),
                skip_auto_headers=_SKIPPED_AUTO_HEADERS,
                data=data,
                auto_decompress=False,
                timeout=_NO_TIMEOUT,
            )
        except KaitoError as exc:
            return _unavailable(exc)
        except NoResponseError as exc:
            return _error_response(503, f"The model's server cannot be reached: {exc.message}", "unavailable")
        with opened as response:
            if endpoint.explain is not None and response.status >= 400:
                return await _explained(response, endpoint.explain)
            return await _streamed(request, response)


_NO_TIMEOUT = aiohttp.ClientTimeout(total=None)
#: :attr:`Endpoint.explain`.
_Explain = Callable[[int, Mapping[str, str], bytes], KaitoError | None]


async def _explained(response: aiohttp.ClientResponse, explain: _Explain) -> web.StreamResponse:
    """Return an error response of the model's server unchanged, and one of the API server as ours."""
    try:
        body = await read_up_to(response, _MAX_ERROR_BODY)
    except HTTP_ERRORS:
        return _error_response(502, "The connection to the model's server was lost", "unavailable")
    if (error := explain(response.status, response.headers, body)) is not None:
        return _error_response(response.status, _sentences(error), "unavailable")
    headers = _forwarded_headers(response.headers, _HOP_BY_HOP_HEADERS | {"content-length"}, frozenset())
    return web.Response(status=response.status, reason=response.reason, body=body, headers=headers)


async def _streamed(request: web.BaseRequest, response: aiohttp.ClientResponse) -> web.StreamResponse:
    """Send a response on as it arrives."""
    forwarded = web.StreamResponse(status=response.status, reason=response.reason)
    forwarded.headers.extend(_forwarded_headers(response.headers, _HOP_BY_HOP_HEADERS, frozenset()))
    await forwarded.prepare(request)
    try:
        async for data in response.content.iter_any():
            await forwarded.write(data)
    except HTTP_ERRORS:
        # A regular end would make an incomplete body look complete.
        if request.transport is not None:
            request.transport.abort()
        return forwarded
    await forwarded.write_eof()
    return forwarded


def _safe_path(target: str) -> str | None:
    """Return the path and query of a request's target; `None` when it must not be forwarded.

    A dot segment could leave the endpoint's path for another one of the same server, which may be the API server.
    """
    if not target.startswith("/"):
        parts = urlsplit(target)
        if parts.scheme not in ("http", "https"):
            return None
        target = parts._replace(scheme="", netloc="").geturl() or "/"
    path = unquote(unquote(target.partition("?")[0]))
    if not target.startswith("/") or target.startswith("//") or "\\" in path or {".", ".."} & set(path.split("/")):
        return None
    return target


def _forwarded_headers(headers: Any, excluded: set[str], replaced: frozenset[str]) -> CIMultiDict[str]:
    """Return headers without those that are excluded, replaced, or named by `Connection`."""
    named = {name.strip().lower() for value in headers.getall("Connection", ()) for name in value.split(",")}
    left_out = excluded | named | replaced
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in left_out)


async def _whole_body(request: web.BaseRequest) -> bytes | None:
    """Return the body at once, for middlewares that may send it twice."""
    return b"".join([data async for data in request.content.iter_any()]) if request.can_read_body else None


def _body(request: web.BaseRequest) -> AsyncIterator[bytes] | bytes | None:
    return request.content.iter_any() if request.can_read_body else None


def _foreign_origin(request: web.BaseRequest) -> str:
    """Return why a request may come from a web page; `""` when it does not.

    A page of any site can make its reader's browser send requests to this machine, under a host name of that site.
    """
    host = _host(f"//{request.headers.get('Host', '')}")
    if host is None or not is_loopback(host):
        return "Only requests from this machine are allowed: the Host header names another one"
    origin = request.headers.get("Origin")
    if origin is not None and not is_loopback(_host(origin) or ""):
        return "Only requests from this machine are allowed: the Origin header names another one"
    return ""


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _unavailable(exc: KaitoError) -> web.Response:
    return _error_response(503, _sentences(exc), "unavailable")


def _sentences(exc: KaitoError) -> str:
    return ". ".join((exc.message, *exc.hints))


def _error_response(status: int, message: str, code: str) -> web.Response:
    """Return an error in OpenAI's format."""
    body = {"error": {"message": f"kaito forward: {message}", "type": "kaito_forward", "code": code, "param": None}}
    headers = {"Retry-After": _RETRY_AFTER} if status == 503 else {}
    return web.Response(status=status, body=msgspec.json.encode(body), content_type="application/json", headers=headers)
