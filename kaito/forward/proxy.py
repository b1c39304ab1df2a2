"""The reverse proxy: forwards each HTTP request to an upstream, and streams the response back unchanged."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any

import aiohttp
import msgspec
from aiohttp import web
from multidict import CIMultiDict

from kaito.errors import KaitoError
from kaito.forward.browser_policy import BrowserPolicy, origin_headers, preflight_headers
from kaito.forward.request_body import ForwardedBody
from kaito.forward.request_targets import safe_target
from kaito.forward.upstreams import Upstream
from kaito.net.failures import HTTP_ERRORS, MalformedResponseError, NoResponseError
from kaito.net.responses import OpenResponse, read_up_to
from kaito.util.sanitize import one_line

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
#: Headers that aiohttp would add to a request that lacks them.
_SKIPPED_AUTO_HEADERS = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
#: Bytes that are read of an error response that may be the API server's.
_MAX_ERROR_BODY = 1024 * 1024
#: Seconds after which a client may retry.
_RETRY_AFTER = "2"
#: Methods that are not forwarded. A response to TRACE would repeat credentials.
_REFUSED_METHODS = ("TRACE", "CONNECT")
_ALLOWED_METHODS = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"

# Characters that aiohttp refuses to write in a header, or drops.
_UNSENDABLE = re.compile("[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")

_Headers = Mapping[str, str]
_NONE: _Headers = MappingProxyType({})


class ReverseProxy:
    """Answers requests with the responses of the upstreams that `choose` returns.

    Args:
        choose: raises a `KaitoError` when no upstream is open.
        policy: decides which requests of browsers are refused.
    """

    def __init__(self, choose: Callable[[web.BaseRequest], Upstream], policy: BrowserPolicy) -> None:
        self._choose = choose
        self._policy = policy

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        target = safe_target(request.raw_path)
        if reason := self._policy.refusal(request.headers, target.authority if target else None):
            return _refused(request, 403, reason, "forbidden")
        # The page or app whose request was allowed may read the response.
        shared = origin_headers(request.headers)
        if request.method in _REFUSED_METHODS:
            message = f"{request.method} requests are not forwarded"
            return _refused(request, 405, message, "method_not_allowed", {**shared, "Allow": _ALLOWED_METHODS})
        if target is None:
            return _refused(request, 400, "The request's path is not valid", "bad_request", shared)
        if "websocket" in request.headers.get("Upgrade", "").lower():
            return _refused(request, 501, "WebSockets are not forwarded", "not_implemented", shared)
        if request.headers.get("Expect", "100-continue").lower() != "100-continue":
            return _refused(request, 417, "The header Expect can be '100-continue' only", "bad_request", shared)
        if request.method == "OPTIONS" and (answer := preflight_headers(request.headers)):
            return web.Response(status=204, headers=answer)
        try:
            upstream = self._choose(request)
        except KaitoError as exc:
            return _unavailable(exc, shared)
        return await _forward(request, upstream, target.path, shared)


async def _forward(request: web.BaseRequest, upstream: Upstream, path: str, shared: _Headers) -> web.StreamResponse:
    body = ForwardedBody(request) if request.can_read_body else None
    if (name := _unsendable_header(request.headers)) is not None:
        return _refused(request, 400, f"The header {name} cannot be sent on", "bad_request", shared)
    try:
        opened = await _open(request, upstream, path, body)
    except MalformedResponseError as exc:
        return _error_response(502, _sentences(exc), "bad_gateway", shared)
    except KaitoError as exc:
        return _unavailable(exc, shared)
    except NoResponseError as exc:
        if body is not None and body.incomplete:
            return _refused(request, 400, "The request's body is not complete", "bad_request", shared)
        reason = "the request must be sent again" if body is not None and body.spent else exc.message
        return _unreachable(reason, shared)
    except OSError as exc:
        return _unreachable(exc.strerror or str(exc), shared)
    with opened as response:
        if (unsendable := _unsendable(response)) is not None:
            return _error_response(502, f"The model's server sent {unsendable}", "bad_gateway", shared)
        explain = upstream.endpoint.explain
        if explain is not None and response.status >= 400:
            return await _explained(response, explain, shared)
        return await _streamed(request, response, shared)


async def _open(request: web.BaseRequest, upstream: Upstream, path: str, body: ForwardedBody | None) -> OpenResponse:
    """Forward a request; send it again if the connection was reused and turned out to be dead.

    Raises:
        NoResponseError: the connection was refused or closed before a response arrived.
        KaitoError: any other reason why there is no response.
        OSError: no connection can be made, as when too many files are open.
    """

    def send() -> Awaitable[OpenResponse]:
        return upstream.session.request(
            request.method,
            upstream.url(path),
            headers=_forwarded_headers(request.headers, _OWN_REQUEST_HEADERS, upstream.own_headers),
            skip_auto_headers=_SKIPPED_AUTO_HEADERS,
            data=body,
            auto_decompress=False,
            timeout=upstream.timeout,
        )

    try:
        return await send()
    except NoResponseError as exc:
        if not exc.reused or (body is not None and (body.incomplete or not body.repeatable)):
            raise
        return await send()


#: :attr:`Endpoint.explain`.
_Explain = Callable[[int, Mapping[str, str], bytes], KaitoError | None]


async def _explained(response: aiohttp.ClientResponse, explain: _Explain, shared: _Headers) -> web.StreamResponse:
    """Return an error response of the model's server unchanged, and replace one of the API server by our own."""
    try:
        body = await read_up_to(response, _MAX_ERROR_BODY)
    except HTTP_ERRORS:
        return _error_response(502, "The connection to the model's server was lost", "unavailable", shared)
    if (error := explain(response.status, response.headers, body)) is not None:
        return _error_response(response.status, _sentences(error), "unavailable", shared)
    headers = _forwarded_headers(response.headers, _HOP_BY_HOP_HEADERS | {"content-length"}, frozenset())
    _share(headers, shared)
    return web.Response(status=response.status, reason=_reason(response), body=body, headers=headers)


async def _streamed(request: web.BaseRequest, response: aiohttp.ClientResponse, shared: _Headers) -> web.StreamResponse:
    """Forward a response as it arrives."""
    forwarded = web.StreamResponse(status=response.status, reason=_reason(response))
    forwarded.headers.extend(_forwarded_headers(response.headers, _HOP_BY_HOP_HEADERS, frozenset()))
    _share(forwarded.headers, shared)
    await forwarded.prepare(request)
    try:
        async for data in response.content.iter_any():
            await forwarded.write(data)
    except HTTP_ERRORS:
        # If the response ended normally, an incomplete body would look complete.
        if request.transport is not None:
            request.transport.abort()
        return forwarded
    await forwarded.write_eof()
    return forwarded


def _unsendable(response: aiohttp.ClientResponse) -> str | None:
    """Return the part of a response's head that cannot be forwarded; `None` if all of it can."""
    if response.status < 200:
        return f"the status {response.status}, which was not asked for"
    if (name := _unsendable_header(response.headers)) is not None:
        return f"the header {name}, which cannot be sent on"
    return None


def _unsendable_header(headers: Mapping[str, str]) -> str | None:
    """Return the name of a header that cannot be forwarded, for a message; `None` if all can."""
    for name, value in headers.items():
        # Bytes that are not UTF-8 are surrogates here.
        if _UNSENDABLE.search(name) or _UNSENDABLE.search(value):
            return one_line(name).encode("ascii", "replace").decode()
    return None


def _reason(response: aiohttp.ClientResponse) -> str | None:
    """Return the reason phrase; `None`, which means the usual one, if it cannot be forwarded."""
    return None if response.reason is None or _UNSENDABLE.search(response.reason) else response.reason


def _forwarded_headers(headers: Any, excluded: set[str], replaced: frozenset[str]) -> CIMultiDict[str]:
    """Return headers without those that are excluded, replaced, or named by `Connection`."""
    named = {name.strip().lower() for value in headers.getall("Connection", ()) for name in value.split(",")}
    left_out = excluded | named | replaced
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in left_out)


def _share(headers: CIMultiDict[str], shared: _Headers) -> None:
    """Replace the server's headers about who may read a response by ours."""
    for name, value in shared.items():
        if name == "Vary":
            headers.add(name, value)
        else:
            headers[name] = value


def _unavailable(exc: KaitoError, shared: _Headers) -> web.Response:
    return _error_response(503, _sentences(exc), "unavailable", shared)


def _unreachable(reason: str, shared: _Headers) -> web.Response:
    return _error_response(503, f"The model's server cannot be reached: {reason}", "unavailable", shared)


def _sentences(exc: KaitoError) -> str:
    return ". ".join((exc.message, *exc.shown_hints()))


def _refused(request: web.BaseRequest, status: int, message: str, code: str, shared: _Headers = _NONE) -> web.Response:
    """Return an error for a request whose body is not read: the connection is then closed."""
    response = _error_response(status, message, code, shared)
    if request.can_read_body:
        response.force_close()
    return response


def _error_response(status: int, message: str, code: str, shared: _Headers) -> web.Response:
    """Return an error in OpenAI's format."""
    body = {"error": {"message": f"kaito forward: {message}", "type": "kaito_forward", "code": code, "param": None}}
    headers = {**shared, **({"Retry-After": _RETRY_AFTER} if status == 503 else {})}
    return web.Response(status=status, body=msgspec.json.encode(body), content_type="application/json", headers=headers)
