"""Passes HTTP requests on to a model's endpoint and its answers back, both as they come and as they are."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
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

#: What concerns one connection alone (RFC 9110, 7.6.1), and what a new connection says for itself.
_HOP_BY_HOP = {
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
_OF_THE_REQUEST = _HOP_BY_HOP | {"host", "expect"}
#: aiohttp adds none of its own.
_NOT_ADDED = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
#: Bytes of an answer that may be the API server's own.
_LONGEST_REFUSAL = 1024 * 1024
#: Seconds after which a client may try again.
_RETRY_AFTER = "2"


class Relay:
    """Answers each request with what the model's server answers.

    Args:
        choose: returns the way that a connection's requests go.
        local_only: whether only clients of this machine are served: a web page that the user happens to look at is
            refused, too.
    """

    def __init__(self, choose: Callable[[web.BaseRequest], Upstream], *, local_only: bool) -> None:
        self._choose = choose
        self._local_only = local_only

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Pass one request on."""
        if self._local_only and (told := _stranger(request)):
            return _refusal(403, told, "forbidden")
        if (path := _path(request.raw_path)) is None:
            return _refusal(400, "This is no path of a server that speaks OpenAI's protocol", "bad_request")
        try:
            way = self._choose(request)
        except KaitoError as exc:
            return _unavailable(exc)
        return await self._passed_on(request, way, path)

    async def _passed_on(self, request: web.BaseRequest, way: Upstream, path: str) -> web.StreamResponse:
        try:
            data = await _whole(request) if way.endpoint.middlewares else _body(request)
        except HTTP_ERRORS:
            return _refusal(400, "The request's body is not complete", "bad_request")
        try:
            response_of_server = await way.session.request(
                request.method,
                way.url(path),
                headers=_passed(request.headers, _OF_THE_REQUEST, way.secret_headers),
                skip_auto_headers=_NOT_ADDED,
                data=data,
                auto_decompress=False,
                timeout=_UNLIMITED,
            )
        except KaitoError as exc:
            return _unavailable(exc)
        except NoResponseError as exc:
            return _refusal(503, f"The model's server cannot be reached: {exc.message}", "unavailable")
        with response_of_server as answer:
            if way.endpoint.explain is not None and answer.status >= 400:
                try:
                    said = await read_up_to(answer, _LONGEST_REFUSAL)
                except HTTP_ERRORS:
                    return _refusal(502, "The way to the model's server broke off", "unavailable")
                if (told := way.endpoint.explain(answer.status, answer.headers, said)) is not None:
                    return _refusal(answer.status, _sentences(told), "unavailable")
                headers = _passed(answer.headers, _HOP_BY_HOP | {"content-length"}, frozenset())
                return web.Response(status=answer.status, reason=answer.reason, body=said, headers=headers)
            response = web.StreamResponse(status=answer.status, reason=answer.reason)
            response.headers.extend(_passed(answer.headers, _HOP_BY_HOP, frozenset()))
            await response.prepare(request)
            try:
                async for data in answer.content.iter_any():
                    await response.write(data)
            except HTTP_ERRORS:
                # An end in good order would make half an answer look whole.
                if request.transport is not None:
                    request.transport.abort()
                return response
            await response.write_eof()
            return response


_UNLIMITED = aiohttp.ClientTimeout(total=None)


def _path(target: str) -> str | None:
    """Return the path and query of a request's target; `None` for one that must not go on.

    A dot segment could leave the endpoint's own path for another of the same server, which may be the API server.
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


def _passed(headers: Any, without: set[str], replaced: frozenset[str]) -> CIMultiDict[str]:
    """Return the headers that go on: a connection's own stay behind, and those that `Connection` names."""
    named = {name.strip().lower() for value in headers.getall("Connection", ()) for name in value.split(",")}
    leave = without | named | replaced
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in leave)


async def _whole(request: web.BaseRequest) -> bytes | None:
    """Return a request's body at once: a middleware may have to send it twice."""
    return b"".join([data async for data in request.content.iter_any()]) if request.can_read_body else None


def _body(request: web.BaseRequest) -> AsyncIterator[bytes] | bytes | None:
    return request.content.iter_any() if request.can_read_body else None


def _stranger(request: web.BaseRequest) -> str:
    """Return what is wrong with where a request comes from; `""` for nothing.

    A page of any web site can have its reader's browser send requests to this machine, under a name of the site's own.
    """
    host = _host_of(f"//{request.headers.get('Host', '')}")
    if host is None or not is_loopback(host):
        return "This port serves its own machine only: the Host header names another"
    origin = request.headers.get("Origin")
    if origin is not None and not is_loopback(_host_of(origin) or ""):
        return "This port serves its own machine only: the Origin header names another"
    return ""


def _host_of(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _unavailable(exc: KaitoError) -> web.Response:
    return _refusal(503, _sentences(exc), "unavailable")


def _sentences(exc: KaitoError) -> str:
    return ". ".join((exc.message, *exc.hints))


def _refusal(status: int, message: str, code: str) -> web.Response:
    """Return an error as OpenAI's clients read it."""
    body = {"error": {"message": f"kaito forward: {message}", "type": "kaito_forward", "code": code, "param": None}}
    headers = {"Retry-After": _RETRY_AFTER} if status == 503 else {}
    return web.Response(status=status, body=msgspec.json.encode(body), content_type="application/json", headers=headers)
