"""What a :class:`~kaito.testing.ModelServer` answers with when it is not well: each reply is data, and plays itself."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from kaito.testing.bodies import DEFAULT_BODIES, error_object, to_json
from kaito.testing.exchange import JSON, Exchange, chunk, head
from kaito.testing.gate import Gate
from kaito.testing.say import Say, say_begin


class Reply(Protocol):
    """Anything that can answer a request. Write your own when none of this package's fits."""

    async def play(self, exchange: Exchange) -> None:
        """Answer `exchange.request`. Runs in the server's event loop."""


@dataclass(frozen=True, slots=True)
class Cut:
    """An answer that breaks off without a finish reason."""

    #: What is said until then.
    text: str = ""
    #: How it ends: `end` ends the body in good order; `close` closes the connection within the body; `chunk` within a
    #: chunk of the transfer coding, in the middle of an event; `reset` resets the connection, which may overtake the
    #: text on its way: give a `gate` and open it when the text has arrived. Requests that do not stream get a part of
    #: the object and, unless it is `reset`, a closed connection.
    how: Literal["end", "close", "chunk", "reset"] = field(default="close", kw_only=True)
    #: Waited for after the text.
    gate: Gate | None = field(default=None, kw_only=True)

    async def play(self, exchange: Exchange) -> None:
        """Say it, and break off."""
        event = b'data: {"id":"chatcmpl-test","object":"chat.completion.chunk","choi'
        if exchange.request.streams:
            await say_begin(exchange, self.text)
            if self.how == "chunk":
                await exchange.send(chunk(event * 2)[: len(event)])
        else:
            body = to_json(Say(self.text).completion(exchange.model, None))
            await exchange.send(head(200, JSON, {"Content-Length": str(len(body))}) + body[: len(body) // 2])
        if self.gate is not None:
            await exchange.wait_for(self.gate)
        if self.how == "end" and exchange.request.streams:
            await exchange.send(chunk(b""))
        else:
            exchange.hang_up(reset=self.how == "reset")


@dataclass(frozen=True, slots=True)
class ErrorEvent:
    """An answer that ends in `data: {"error": …}`, as vLLM reports what fails in mid-stream."""

    #: What is said until then.
    text: str = ""
    #: What stands under `error`.
    error: Mapping[str, Any] = field(
        default_factory=lambda: error_object("Internal server error", kind="InternalServerError", code=500)["error"]
    )
    #: Whether `data: [DONE]` follows, as it does in vLLM.
    done: bool = field(default=True, kw_only=True)

    async def play(self, exchange: Exchange) -> None:
        """Say it, and fail. A request that does not stream gets a 500."""
        body = to_json({"error": dict(self.error)})
        if not exchange.request.streams:
            await exchange.respond(500, body, JSON, {})
            return
        await say_begin(exchange, self.text)
        await exchange.send(chunk(b"data: " + body + b"\n\n" + b"data: [DONE]\n\n" * self.done) + chunk(b""))


@dataclass(frozen=True, slots=True)
class Hang:
    """Silence until the client leaves or the server stops: before the head, after it, or after some text."""

    #: What is said before; it implies `head`.
    text: str = ""
    #: Whether the response's head is sent.
    head: bool = field(default=False, kw_only=True)

    async def play(self, exchange: Exchange) -> None:
        """Say nothing more."""
        if self.text or self.head:
            await say_begin(exchange, self.text)
        await exchange.pause(None)


@dataclass(frozen=True, slots=True)
class CloseBeforeHead:
    """The connection closes where an answer should be, as a kept connection does whose other end was replaced."""

    #: Bytes of a response that are sent before.
    part: bytes = b""
    #: Whether it is closed by a reset.
    reset: bool = field(default=False, kw_only=True)

    async def play(self, exchange: Exchange) -> None:
        """Close it."""
        await exchange.send(self.part)
        exchange.hang_up(reset=self.reset)


@dataclass(frozen=True, slots=True)
class Status:
    """A response with this status, and a body as the real servers send it."""

    code: int
    #: A mapping is sent as JSON, text as it is; `None` takes the usual words: vLLM's 401, FastAPI's 404 and 405,
    #: KAITO's 429, an nginx's 502, the API server's 503.
    body: Mapping[str, Any] | str | None = None
    #: `Retry-After`: seconds, or any text, such as a date.
    retry_after: float | str | None = field(default=None, kw_only=True)
    headers: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    #: Chosen by the body if not given.
    content_type: str | None = field(default=None, kw_only=True)

    async def play(self, exchange: Exchange) -> None:
        """Send it."""
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
    """A web page where an answer should be, as a portal or an ingress' default backend sends it."""

    title: str
    code: int = 200

    async def play(self, exchange: Exchange) -> None:
        """Send it."""
        page = f"<html><head><title>{self.title}</title></head>\n<body><h1>{self.title}</h1></body></html>\n"
        await exchange.respond(self.code, b"<!DOCTYPE html>\n" + page.encode(), "text/html; charset=utf-8", {})


@dataclass(frozen=True, slots=True)
class Redirect:
    """A redirect to another place."""

    location: str
    code: int = 307

    async def play(self, exchange: Exchange) -> None:
        """Send it."""
        await exchange.respond(self.code, b"", None, {"Location": self.location})


@dataclass(frozen=True, slots=True)
class Raw:
    """These bytes, head and all, written as they are."""

    #: One piece, or several that are written one by one; a gate among them waits for the test.
    data: bytes | Sequence[bytes | Gate]
    #: Seconds between the pieces.
    delay: float = field(default=0, kw_only=True)
    #: Whether the connection closes after it. Without, the bytes have to tell where they end.
    close: bool = field(default=True, kw_only=True)

    async def play(self, exchange: Exchange) -> None:
        """Write them."""
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
