"""Replies for fault injection: error responses, broken streams, silence and closed connections."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from kaito.testing.answers import Say, send_beginning
from kaito.testing.exchange import Exchange
from kaito.testing.gate import Gate
from kaito.testing.http_messages import JSON, chunk, response_head
from kaito.testing.response_bodies import DEFAULT_BODIES, error_object, to_json


@dataclass(frozen=True, slots=True)
class Cut:
    """An answer that ends early, without a finish reason."""

    #: The text before the end.
    text: str = ""
    #: How it ends. `end` ends the body properly. `close` closes the connection within the body. `chunk` closes it
    #: within a chunk of the transfer coding, in the middle of an event. `reset` resets the connection; as a reset may
    #: overtake the text, set `gate` and open it when the text has arrived. A request that does not stream gets a part
    #: of the object and, unless it is `reset`, a closed connection.
    how: Literal["end", "close", "chunk", "reset"] = field(default="close", kw_only=True)
    #: The server waits here after the text.
    gate: Gate | None = field(default=None, kw_only=True)

    async def send(self, exchange: Exchange) -> None:
        """Send the beginning of the answer."""
        event = b'data: {"id":"chatcmpl-test","object":"chat.completion.chunk","choi'
        if exchange.request.streams:
            await send_beginning(exchange, self.text)
            if self.how == "chunk":
                await exchange.send(chunk(event * 2)[: len(event)])
        else:
            body = to_json(Say(self.text).completion(exchange.model, None))
            await exchange.send(response_head(200, JSON, {"Content-Length": str(len(body))}) + body[: len(body) // 2])
        if self.gate is not None:
            await exchange.wait_for(self.gate)
        if self.how == "end" and exchange.request.streams:
            await exchange.send(chunk(b""))
        else:
            exchange.hang_up(reset=self.how == "reset")


@dataclass(frozen=True, slots=True)
class ErrorEvent:
    """An answer that ends with `data: {"error": …}`, as vLLM reports a failure within a stream."""

    #: The text before the end.
    text: str = ""
    #: The value of `error`.
    error: Mapping[str, Any] = field(
        default_factory=lambda: error_object("Internal server error", kind="InternalServerError", code=500)["error"]
    )
    #: Whether `data: [DONE]` follows, as in vLLM.
    done: bool = field(default=True, kw_only=True)

    async def send(self, exchange: Exchange) -> None:
        """Send the text and the error. A request that does not stream gets a 500."""
        body = to_json({"error": dict(self.error)})
        if not exchange.request.streams:
            await exchange.respond(500, body, JSON, {})
            return
        await send_beginning(exchange, self.text)
        await exchange.send(chunk(b"data: " + body + b"\n\n" + b"data: [DONE]\n\n" * self.done) + chunk(b""))


@dataclass(frozen=True, slots=True)
class Hang:
    """A server that hangs: before the head, after it, or after some text. It waits until the client disconnects."""

    #: The text before the silence; it implies `head`.
    text: str = ""
    #: Whether the response's head is sent.
    head: bool = field(default=False, kw_only=True)

    async def send(self, exchange: Exchange) -> None:
        """Send the text, if any, and wait."""
        if self.text or self.head:
            await send_beginning(exchange, self.text)
        await exchange.pause(None)


@dataclass(frozen=True, slots=True)
class CloseBeforeHead:
    """A connection that closes before the response's head is complete, as when a server is replaced."""

    #: The bytes of the response that are sent first.
    part: bytes = b""
    #: Whether the connection is reset.
    reset: bool = field(default=False, kw_only=True)

    async def send(self, exchange: Exchange) -> None:
        """Close the connection."""
        await exchange.send(self.part)
        exchange.hang_up(reset=self.reset)


@dataclass(frozen=True, slots=True)
class Status:
    """A response with this status and, by default, the body that a real server sends with it."""

    code: int
    #: A mapping is sent as JSON, text as it is. `None` sends the default: vLLM's 401, FastAPI's 404 and 405, KAITO's
    #: 429, nginx's 502, the API server's 503.
    body: Mapping[str, Any] | str | None = None
    #: `Retry-After`: seconds or any text, such as a date.
    retry_after: float | str | None = field(default=None, kw_only=True)
    headers: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    #: `None` derives it from the body.
    content_type: str | None = field(default=None, kw_only=True)

    async def send(self, exchange: Exchange) -> None:
        """Send the response."""
        body = DEFAULT_BODIES.get(self.code, "") if self.body is None else self.body
        if isinstance(body, str):
            page = body.lstrip().startswith("<")
            content_type, data = "text/html" if page else "text/plain; charset=utf-8", body.encode()
        else:
            content_type, data = JSON, to_json(body)
        headers = dict(self.headers)
        if self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)
        await exchange.respond(self.code, data, self.content_type or content_type, headers)


@dataclass(frozen=True, slots=True)
class HtmlPage:
    """A web page instead of an answer, as a login portal or an ingress' default backend sends it."""

    title: str
    code: int = 200

    async def send(self, exchange: Exchange) -> None:
        """Send the response."""
        page = f"<html><head><title>{self.title}</title></head>\n<body><h1>{self.title}</h1></body></html>\n"
        await exchange.respond(self.code, b"<!DOCTYPE html>\n" + page.encode(), "text/html; charset=utf-8", {})


@dataclass(frozen=True, slots=True)
class Redirect:
    """A redirect to another URL."""

    location: str
    code: int = 307

    async def send(self, exchange: Exchange) -> None:
        """Send the response."""
        await exchange.respond(self.code, b"", None, {"Location": self.location})


@dataclass(frozen=True, slots=True)
class Raw:
    """These bytes, including the head, sent as they are."""

    #: One piece, or several that are written one by one. The server waits at each gate.
    data: bytes | Sequence[bytes | Gate]
    #: Seconds between two pieces.
    delay: float = field(default=0, kw_only=True)
    #: Whether the connection is closed afterwards. If not, the bytes must contain the response's length.
    close: bool = field(default=True, kw_only=True)

    async def send(self, exchange: Exchange) -> None:
        """Send the bytes."""
        pieces = [self.data] if isinstance(self.data, bytes) else self.data
        for index, piece in enumerate(pieces):
            if isinstance(piece, Gate):
                await exchange.wait_for(piece)
                continue
            if index:
                await (exchange.pause(self.delay) if self.delay else asyncio.sleep(0))
            await exchange.send(piece)
        if self.close:
            exchange.complete = True
            exchange.hang_up()
