"""The client: sends chat requests, carries out the decisions of `retry`, and yields the answer piece by piece."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import aiohttp
import msgspec
from msgspec.structs import replace
from yarl import URL

from kaito.errors import KaitoError, ModelError
from kaito.net.failures import BodyError, NoResponseError, translate_body_errors
from kaito.net.http_session import EndpointSession
from kaito.net.responses import OpenResponse, read_up_to
from kaito.openai.error_messages import NOT_KEPT
from kaito.openai.error_responses import ErrorKind, ErrorResponse, parse_error_response
from kaito.openai.redaction import Redactor
from kaito.openai.request_messages import request_messages
from kaito.openai.retry import Recovery, ServerCapabilities
from kaito.openai.server_info import parse_models, parse_template, parse_token_count
from kaito.openai.stream import AnswerStream, ServerFailedError
from kaito.settings import Settings
from kaito.types import ChatRequest, Delta, Endpoint, ModelInfo, Waiting
from kaito.util import limits
from kaito.util.time_limits import time_limit

#: The size in bytes from which a request's body is passed to aiohttp as a file.
_LARGE_BODY = 256 * 1024
#: The most characters of an answer that are yielded at once.
_MAX_PIECE = 4096
#: Errors of the request for the model list that a chat request would get, too.
_LASTING_ERRORS = (ErrorKind.UNAUTHORIZED, ErrorKind.BUSY, ErrorKind.REDIRECT)

#: Seconds for all requests that count a prompt's tokens. The count only informs, or explains an error.
COUNT_TIMEOUT = 5.0

_JSON = "application/json"

_encode = msgspec.json.Encoder().encode


class ChatClient:
    """A client for one endpoint. Create it in the event loop; use it there as a context manager, one request at a time.

    Args:
        clock: returns seconds that never go back.

    Raises:
        UsageError: the proxy or the certificate authority cannot be used.
    """

    def __init__(self, endpoint: Endpoint, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self.endpoint = endpoint
        self._settings = settings
        self._clock = clock
        self._server = ServerCapabilities()
        self._base = URL(endpoint.base)
        self._query = URL(endpoint.url).query
        self._urls: dict[str, URL] = {}
        self._redact = Redactor(endpoint, settings)
        self._session = EndpointSession(endpoint, settings)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def models(self, waiting: Callable[[Waiting], None], since: float | None = None) -> list[ModelInfo]:
        """Return the server's models; empty if it has no list.

        Args:
            waiting: called before each wait for another try.
            since: when the tries began, by the clock, if other endpoints were tried before.

        Raises:
            KaitoError: the server cannot be reached, stays busy, redirects or requires a key.
        """
        recovery = self._recovery(since=since)
        while True:
            prefix = recovery.prefix
            try:
                with await self._request("GET", prefix + "/models") as response:
                    body = await self._read_body(response, limits.MODEL_LIST)
                    if response.status == 200 and (models := parse_models(body)) is not None:
                        self._server.prefer(prefix)
                        self._server.note_models(models)
                        return models
                    error = self._parse_error(response, body)
                try_other_path = error.kind is ErrorKind.NO_ROUTE and recovery.has_alternative
                # A web page in place of a list was not sent by the server, but for example by a login page before it.
                is_page = response.status == 200 and response.content_type == "text/html"
                if not try_other_path and not is_page and error.kind not in _LASTING_ERRORS:
                    # The server has no list. The first turn will show whether it has a model.
                    return []
                wait = recovery.after_error_response(error, self._clock())
            except NoResponseError as exc:
                wait = self._after_no_response(recovery, exc)
            if wait.delay:
                waiting(wait)
            await asyncio.sleep(wait.delay)

    async def stream(
        self, request: ChatRequest, *, can_trim: bool = False, counting: Callable[[bool], None] = lambda active: None
    ) -> AsyncGenerator[Delta | Waiting, None]:
        """Send a request. Yield its answer as it arrives, and before that a `Waiting` for each retry.

        Close the generator to close the connection: the server then stops, too.

        Args:
            can_trim: see :class:`~kaito.openai.retry.Recovery`.
            counting: called with `True` when the server is asked for the prompt's tokens, with `False` afterwards.

        Raises:
            KaitoError: the turn failed. A :class:`StreamError` may follow deltas, all others come before the first,
                except that of a server that fails in mid-stream (:class:`ModelError`).
        """
        recovery = self._recovery(model=request.model, max_tokens=request.max_tokens, can_trim=can_trim)
        counted = None
        while True:
            prefix = recovery.prefix
            body = self._encode(request, recovery.max_tokens)
            begun = False
            try:
                with await self._request("POST", prefix + "/chat/completions", body) as response:
                    if response.status == 200 and response.content_type != "text/html":
                        self._server.settle(prefix)
                        answer = AnswerStream(response, self._settings, self._redact)
                        while (delta := await answer.read()) is not None:
                            begun = begun or bool(delta.content or delta.reasoning) or answer.calls_tools
                            for piece in _pieces(delta):
                                yield piece
                        return
                    error = self._parse_error(response, await self._read_body(response))
            except ServerFailedError as exc:
                error = replace(exc.error, message=self._redact(exc.error.message))
                if error.kind is ErrorKind.CONTEXT_WINDOW:
                    if begun:
                        raise recovery.error(error) from None
                elif begun or error.kind is not ErrorKind.BUSY:
                    raise ModelError(error.message, NOT_KEPT, status=None if begun else error.status or None) from None
            except NoResponseError as exc:
                wait = self._after_no_response(recovery, exc)
                yield wait
                await asyncio.sleep(wait.delay)
                continue
            if counted is None and recovery.needs_count(error):
                counting(True)
                try:
                    counted = await self.count_tokens(request)
                finally:
                    counting(False)
            wait = recovery.after_error_response(error, self._clock(), counted)
            if wait.delay:
                yield wait
                await asyncio.sleep(wait.delay)

    def window(self, model: str | None) -> int | None:
        """Return a model's context window in tokens, from the server's list or one of its errors; `None` if unknown."""
        return self._server.listed.get(model) or self._server.windows.get(model)

    async def count_tokens(self, request: ChatRequest) -> int | None:
        """Return how many tokens the messages of a request have, counted by the server.

        `None` if the server does not count, or not within :data:`COUNT_TIMEOUT`. `POST /tokenize` is vLLM's.
        llama.cpp's takes a text, which its `POST /apply-template` makes of messages.
        """
        with suppress(TimeoutError):
            async with time_limit(COUNT_TIMEOUT):
                return await self._count_tokens(request)
        return None

    async def _count_tokens(self, request: ChatRequest) -> int | None:
        model = {"model": request.model} if request.model else {}
        messages = request_messages(request.messages)
        # These are part of the prompt, and vLLM accepts them here as well.
        more = {name: request.extra[name] for name in ("tools", "chat_template_kwargs") if request.extra.get(name)}
        answer = await self._post("/tokenize", {**model, "messages": messages, **more})
        if answer is None or (count := parse_token_count(answer)) is not None:
            return None if answer is None else count
        answer = await self._post("/apply-template", {"messages": messages, **more})
        if answer is None or (prompt := parse_template(answer)) is None:
            return None
        answer = await self._post("/tokenize", {"content": prompt, "add_special": True})
        return None if answer is None else parse_token_count(answer)

    async def _post(self, path: str, body: dict[str, Any]) -> bytes | None:
        """Return the response to a request that only informs; `None` if it fails."""
        with suppress(NoResponseError, KaitoError), await self._request("POST", path, _encode(body)) as response:
            if response.status == 200:
                return await self._read_body(response, limits.TOKEN_LIST)
        return None

    async def _request(self, method: str, path: str, body: bytes | None = None) -> OpenResponse:
        """Send a request; return its response for a `with` block."""
        url = self._urls.get(path)
        if url is None:
            url = self._urls[path] = self._base.with_path(self._base.path.rstrip("/") + path).with_query(self._query)
        return await self._session.request(method, url, data=None if body is None else _payload(body))

    async def _read_body(self, response: aiohttp.ClientResponse, limit: int = limits.ERROR_BODY) -> bytes:
        """Return a body that is not a stream: its beginning if it is too long, or if the connection fails."""
        body = bytearray()
        with suppress(BodyError), translate_body_errors(self._settings):
            await read_up_to(response, limit, body)
        return bytes(body)

    def _parse_error(self, response: aiohttp.ClientResponse, body: bytes) -> ErrorResponse:
        """Parse an error response.

        Raises:
            NoResponseError: something on the route sent it, and does not reach the server.
            KaitoError: something on the route sent it, and another try is useless.
        """
        error = parse_error_response(response.status, response.headers, body, str(response.url))
        explain = self.endpoint.explain
        if explain is not None and (explained := explain(response.status, response.headers, body)) is not None:
            if error.kind is not ErrorKind.BUSY:
                raise explained
            if response.status == 503:
                # A proxy on the way has no connection to the server: the same as if ours had been refused.
                raise NoResponseError(explained.message, refused=True, reused=False)
            error = replace(error, message=explained.message)
        return replace(error, message=self._redact(error.message))

    def _after_no_response(self, recovery: Recovery, exc: NoResponseError) -> Waiting:
        reused = exc.reused or self.endpoint.tunnelled
        return recovery.after_no_response(exc.message, self._clock(), refused=exc.refused, reused=reused)

    def _encode(self, request: ChatRequest, max_tokens: int | None) -> bytes:
        body: dict[str, Any] = {
            "model": request.model,
            "messages": request_messages(request.messages),
            "temperature": request.temperature,
            "top_p": request.top_p,
            "max_tokens": max_tokens,
            "stream": request.stream,
        }
        if request.stream and self._server.stream_options:
            body["stream_options"] = {"include_usage": True}
        body.update(request.extra)
        try:
            return _encode({name: value for name, value in body.items() if value is not None})
        except (TypeError, ValueError) as exc:
            raise KaitoError(f"The request cannot be written as JSON: {exc}", "A plugin may have changed it") from None

    def _recovery(
        self,
        *,
        model: str | None = None,
        max_tokens: int | None = None,
        since: float | None = None,
        can_trim: bool = False,
    ) -> Recovery:
        return Recovery(
            self._server,
            self.endpoint.shown_url,
            model=model,
            max_tokens=max_tokens,
            now=self._clock() if since is None else since,
            can_trim=can_trim,
        )


def _payload(body: bytes) -> aiohttp.Payload:
    # aiohttp warns about large bodies that are not files. Small ones are faster as bytes.
    if len(body) > _LARGE_BODY:
        return aiohttp.BytesIOPayload(io.BytesIO(body), content_type=_JSON)
    return aiohttp.BytesPayload(body, content_type=_JSON)


def _pieces(delta: Delta) -> Sequence[Delta]:
    """Split a delta. One read may contain a whole answer, and Ctrl-C is handled between two pieces."""
    content, reasoning = delta.content, delta.reasoning
    if len(content) <= _MAX_PIECE and len(reasoning) <= _MAX_PIECE:
        return (delta,)
    first = [Delta(reasoning=part) for part in _split(reasoning)]
    pieces = (*first, *(Delta(content=part) for part in _split(content)), replace(delta, content="", reasoning=""))
    for piece in pieces[1:]:
        piece.same_read = True
    return pieces


def _split(text: str) -> Iterator[str]:
    return (text[start : start + _MAX_PIECE] for start in range(0, len(text), _MAX_PIECE))
