"""The client: sends a chat request, follows the decisions of `recovery`, yields what arrives."""

from __future__ import annotations

import asyncio
import io
import re
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote_plus

import aiohttp
import msgspec
from msgspec.structs import replace
from yarl import URL

from kaito.errors import KaitoError
from kaito.net import http_session
from kaito.openai.error_responses import MAX_BODY, MAX_WORDS, Kind, Refusal, read_refusal
from kaito.openai.retry import ConnectFailure, Recovery, ServerCapabilities
from kaito.openai.stream import Answer
from kaito.settings import Settings
from kaito.types import ChatRequest, Delta, Endpoint, ModelInfo, Waiting

#: Characters from which a header's value is taken for a secret and kept out of messages.
_SECRET = 8

#: Characters of a server's words that are shown.
_MOST_WORDS = 600

#: What the parameters of a URL are called that hold one.
_SECRET_NAME = re.compile("key|token|secret|sig|code|pass|auth|credential", re.IGNORECASE)

#: Bytes that a list of models may have: some gateways list thousands.
_LONGEST_LIST = 8 * 1024 * 1024

_encode = msgspec.json.Encoder().encode


class ChatClient:
    """A client for one endpoint. Use it as a context manager, in one event loop, one request at a time.

    Args:
        endpoint: an open way in.
        settings: time limits, headers and the key.
        clock: returns seconds that never go back.
    """

    def __init__(self, endpoint: Endpoint, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self.endpoint = endpoint
        self._settings = settings
        self._clock = clock
        self._habits = ServerCapabilities()
        base = URL(endpoint.url)
        self._query = base.query
        self._base = base.with_query(None).with_path(base.path.rstrip("/").removesuffix("/v1").rstrip("/"))
        self._urls: dict[str, URL] = {}
        headers = [*endpoint.headers.values(), *(value for _, value in settings.headers)]
        values = [settings.api_key or "", *headers, *_secrets_in(endpoint.url)]
        # A header's value may be a scheme and a secret: `Bearer …`.
        parts = {part for value in values for part in (value, *value.split()) if len(part) >= _SECRET}
        self._secrets = sorted(parts, key=len, reverse=True)

    async def __aenter__(self) -> Self:
        self._proxy = http_session.proxy_of(self.endpoint)
        self._session = http_session.open_session(self.endpoint, self._settings)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def models(self, waiting: Callable[[Waiting], None], since: float | None = None) -> list[ModelInfo]:
        """Return the server's models, none when it has no list.

        Args:
            waiting: told before each wait for another try.
            since: when the tries began, by the clock, if other ways were tried before this one.

        Raises:
            KaitoError: the server cannot be reached, stays busy, redirects or wants a key.
        """
        recovery = self._recovery(None, None, since)
        while True:
            prefix = recovery.prefix
            try:
                with await self._opened("GET", prefix + "/models") as response:
                    body = await self._body(response, _LONGEST_LIST)
                    if response.status == 200 and (models := _listed(body)) is not None:
                        self._habits.prefer(prefix)
                        return models
                    refusal = self._refusal(response, body)
                elsewhere = refusal.kind is Kind.NO_ROUTE and recovery.has_alternative
                # A page in place of a list is what stands before the server, such as a login.
                page = response.status == 200 and response.content_type == "text/html"
                if not elsewhere and not page and refusal.kind not in _TELLING:
                    # No list to be had; the first turn will tell whether there is a model all the same.
                    return []
                wait = recovery.after_refusal(refusal, self._clock())
            except http_session.LostError as exc:
                wait = recovery.after_loss(exc.lost, exc.words, self._clock(), kept=self._may_have_been_dead(exc))
            if wait.delay:
                waiting(wait)
            await asyncio.sleep(wait.delay)

    async def stream(self, request: ChatRequest, *, can_trim: bool = False) -> AsyncGenerator[Delta | Waiting, None]:
        """Send a request and yield its answer as it arrives, and each wait for another try before that.

        Close the generator to close the connection: the server stops then, too.

        Args:
            request: the request.
            can_trim: see :class:`~kaito.openai.retry.Recovery`.

        Raises:
            KaitoError: the turn failed. A :class:`StreamError` may follow deltas, all others come before the first
                except a server that gives up in mid-stream (:class:`ModelError`).
        """
        recovery = self._recovery(request.model, request.max_tokens)
        recovery.can_trim = can_trim
        while True:
            prefix = recovery.prefix
            body = self._encoded(request, recovery.max_tokens)
            try:
                with await self._opened("POST", prefix + "/chat/completions", body) as response:
                    if response.status == 200 and response.content_type != "text/html":
                        self._habits.settle(prefix)
                        answer = Answer(response, self._settings, self._shown)
                        while (delta := await answer.read()) is not None:
                            for piece in _pieces(delta):
                                yield piece
                        return
                    refusal = self._refusal(response, await self._body(response))
                counted = None
                if refusal.kind is Kind.WINDOW and not refusal.exact:
                    counted = await self.count_tokens(request)
                wait = recovery.after_refusal(refusal, self._clock(), counted)
            except http_session.LostError as exc:
                wait = recovery.after_loss(exc.lost, exc.words, self._clock(), kept=self._may_have_been_dead(exc))
            if wait.delay:
                yield wait
                await asyncio.sleep(wait.delay)

    async def count_tokens(self, request: ChatRequest) -> int | None:
        """Return the tokens of a request's messages by the server's tokenizer; `None` when it does not tell.

        `POST /tokenize` is vLLM's.
        """
        model = {"model": request.model} if request.model else {}
        body = _encode({**model, "messages": request.messages})
        try:
            with await self._opened("POST", "/tokenize", body) as response:
                if response.status == 200:
                    return msgspec.json.decode(await self._body(response), type=_Tokenized).count
        except (http_session.LostError, KaitoError, msgspec.MsgspecError):
            pass
        return None

    async def _opened(self, method: str, path: str, body: bytes | None = None) -> http_session.Opened:
        """Send a request; return its response for a `with` block."""
        url = self._urls.get(path)
        if url is None:
            url = self._urls[path] = self._base.with_path(self._base.path.rstrip("/") + path).with_query(self._query)
        trace = http_session.Trace()
        with http_session.Translated(self.endpoint, self._settings, trace):
            response = await self._session.request(
                method,
                url,
                data=None if body is None else _payload(body),
                allow_redirects=False,
                proxy=self._proxy,
                server_hostname=self.endpoint.server_hostname,
                trace_request_ctx=trace,
            )
        return http_session.Opened(response)

    async def _body(self, response: aiohttp.ClientResponse, limit: int = MAX_BODY) -> bytes:
        """Return a body that is no stream, or what there is of it: cut at a size that none should have."""
        body = bytearray()
        with suppress(http_session.BrokenError), http_session.BodyTranslated(self._settings):
            async for data in response.content.iter_any():
                body += data
                if len(body) > limit:
                    break
        return bytes(body)

    def _refusal(self, response: aiohttp.ClientResponse, body: bytes) -> Refusal:
        """Understand an answer that is none.

        Raises:
            LostError: it comes from the way to the server, which does not reach it.
            KaitoError: it comes from the way to the server, and it is of no use to try again.
        """
        refusal = read_refusal(response.status, response.headers, body)
        explain = self.endpoint.explain
        if explain is not None and (told := explain(response.status, response.headers, body)) is not None:
            if refusal.kind is not Kind.BUSY:
                raise told
            if response.status == 503:
                # Somebody on the way has no connection to the server: as if it were refused to us.
                raise http_session.LostError(ConnectFailure.REFUSED, told.message, http_session.Trace(kept=False))
            refusal = replace(refusal, words=told.message)
        return replace(refusal, words=self._shown(refusal.words))

    def _may_have_been_dead(self, error: http_session.LostError) -> bool:
        return error.kept or self.endpoint.tunnelled

    def _shown(self, words: str) -> str:
        """Return as much of a server's words as can be shown, without our secrets: some repeat the key they refuse."""
        if len(words) >= MAX_WORDS and self._secrets:
            # They were cut, and half a secret would not be found.
            words = words[: -len(self._secrets[0])]
        for secret in self._secrets:
            words = words.replace(secret, "***")
        return words if len(words) <= _MOST_WORDS else words[:_MOST_WORDS] + "…"

    def _encoded(self, request: ChatRequest, max_tokens: int | None) -> bytes:
        body: dict[str, Any] = {
            "model": request.model,
            "messages": request.messages,
            "temperature": request.temperature,
            "top_p": request.top_p,
            "max_tokens": max_tokens,
            "stream": request.stream,
        }
        if request.stream and self._habits.tells_usage:
            body["stream_options"] = {"include_usage": True}
        body.update(request.extra)
        try:
            return _encode({name: value for name, value in body.items() if value is not None})
        except (TypeError, ValueError) as exc:
            raise KaitoError(f"The request cannot be written as JSON: {exc}", "A plugin may have changed it") from None

    def _recovery(self, model: str | None, max_tokens: int | None, since: float | None = None) -> Recovery:
        now = self._clock() if since is None else since
        return Recovery(self._habits, self.endpoint.shown_url, model=model, max_tokens=max_tokens, now=now)


_JSON = "application/json"
#: Bytes of a request's body from which on it is handed over as a file.
_LONG = 256 * 1024
#: Characters of an answer that are handed on at once.
_LONGEST_PIECE = 4096
#: What a request for the model list tells of the turns to come.
_TELLING = (Kind.UNAUTHORIZED, Kind.BUSY, Kind.REDIRECT)


def _secrets_in(url: str) -> Iterator[str]:
    """Yield the values of a URL's query whose names tell that they are secrets, as they were given and as they mean."""
    for part in url.partition("?")[2].split("&"):
        name, _, value = part.partition("=")
        if _SECRET_NAME.search(name):
            yield value
            yield unquote_plus(value)


def _payload(body: bytes) -> aiohttp.Payload:
    # aiohttp wants a long one as a file; a short one costs less as it is.
    if len(body) > _LONG:
        return aiohttp.BytesIOPayload(io.BytesIO(body), content_type=_JSON)
    return aiohttp.BytesPayload(body, content_type=_JSON)


def _pieces(delta: Delta) -> Sequence[Delta]:
    """Return a delta in pieces that are soon drawn, as Ctrl-C is heard between two: a read may bring a whole answer."""
    content, reasoning = delta.content, delta.reasoning
    if len(content) <= _LONGEST_PIECE and len(reasoning) <= _LONGEST_PIECE:
        return (delta,)
    thoughts = [Delta(reasoning=part) for part in _cut(reasoning)]
    return (*thoughts, *(Delta(content=part) for part in _cut(content)), replace(delta, content="", reasoning=""))


def _cut(text: str) -> Iterator[str]:
    return (text[start : start + _LONGEST_PIECE] for start in range(0, len(text), _LONGEST_PIECE))


class _Tokenized(msgspec.Struct):
    count: int


class _Models(msgspec.Struct):
    data: list[dict[str, Any]]


def _listed(body: bytes) -> list[ModelInfo] | None:
    try:
        listed = msgspec.json.decode(body, type=_Models)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    models = []
    windows = {str(model.get("id")): _told_window(model) for model in listed.data}
    for model in listed.data:
        name, parent = model.get("id"), model.get("parent")
        if isinstance(name, str) and name:
            parent = parent if isinstance(parent, str) and parent != name else None
            # An adapter has the window of its model.
            window = windows[name] or (windows.get(parent) if parent else None)
            models.append(ModelInfo(name=name, window=window, parent=parent))
    return models


def _told_window(model: Mapping[str, Any]) -> int | None:
    window, meta = model.get("max_model_len"), model.get("meta")
    if window is None and isinstance(meta, dict):
        window = meta.get("n_ctx")  # llama.cpp tells it here
    return window if isinstance(window, int) else None
