"""The normal reply: a model's answer, streamed or as one JSON object."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal, TypeGuard

from kaito.testing.exchange import Exchange
from kaito.testing.gate import Gate
from kaito.testing.http_messages import JSON, Request, chunk, response_head, split
from kaito.testing.response_bodies import (
    call_fragments,
    call_object,
    chunk_object,
    completion_object,
    count_words,
    to_json,
)
from kaito.types import ToolCall, Usage

EVENT_STREAM = "text/event-stream; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Say:
    """A complete answer, streamed as vLLM streams it, or as one JSON object if the request does not ask for a stream.

    Without a delay, a gate or `split` it is written at once, in one system call if it is short. The bytes are cached,
    so that sending the same reply again costs almost nothing.
    """

    #: The answer's text, streamed word by word.
    text: str = ""
    #: The answer in exactly these pieces, instead of `text`. The server waits at each :class:`~kaito.testing.Gate`.
    chunks: Sequence[str | Gate] | None = field(default=None, kw_only=True)
    #: The reasoning, sent before the text.
    reasoning: str = field(default="", kw_only=True)
    #: The key of the reasoning, which depends on vLLM's version.
    reasoning_field: Literal["reasoning_content", "reasoning"] = field(default="reasoning_content", kw_only=True)
    #: Calls of tools, sent after the text as vLLM sends them: the name first, then the arguments in pieces.
    tool_calls: Sequence[ToolCall] = field(default=(), kw_only=True)
    #: `None` sends no finish reason.
    finish_reason: str | None = field(default="stop", kw_only=True)
    #: Whether the usage is sent: in a stream, as a last event without a choice, if the request asks for it; in an
    #: object, always. A :class:`~kaito.types.Usage` sets the numbers; `True` counts words.
    usage: bool | Usage = field(default=True, kw_only=True)
    #: The model's name in the answer; `None` repeats the name in the request.
    model: str | None = field(default=None, kw_only=True)
    #: Seconds before the response's head, like a queue.
    head_delay: float = field(default=0, kw_only=True)
    #: Seconds between the head and the first event.
    first_delay: float = field(default=0, kw_only=True)
    #: Seconds between two pieces.
    delay: float = field(default=0, kw_only=True)
    #: The line ending of the event stream.
    newline: Literal["\n", "\r\n", "\r"] = field(default="\n", kw_only=True)
    #: Whether a comment (`: ping`) precedes every event.
    comments: bool = field(default=False, kw_only=True)
    #: Sends the body in pieces of this many bytes, across the boundaries of events and characters.
    split: int | None = field(default=None, kw_only=True)
    #: The response's content type; `None` sends none.
    content_type: str | None = field(default=EVENT_STREAM, kw_only=True)
    #: Sends one JSON object even if the request asks for a stream.
    unstreamed: bool = field(default=False, kw_only=True)
    #: Whether `data: [DONE]` is sent.
    done: bool = field(default=True, kw_only=True)
    #: Seconds that the body stays open after the answer's end.
    linger: float = field(default=0, kw_only=True)

    def __post_init__(self) -> None:
        if self.chunks is not None:
            object.__setattr__(self, "chunks", tuple(self.chunks))
        object.__setattr__(self, "tool_calls", tuple(self.tool_calls))

    async def send(self, exchange: Exchange) -> None:
        """Send the answer."""
        await exchange.pause(self.head_delay)
        if self.unstreamed or not exchange.request.streams:
            for gate in filter(_is_gate, self.chunks or ()):
                await exchange.wait_for(gate)
            await self._send_object(exchange)
            return
        start = stream_head(exchange, self.content_type)
        model, usage = self._model(exchange), self._usage(exchange) if exchange.request.wants_usage else None
        gated = any(isinstance(piece, Gate) for piece in self.chunks or ())
        if not (gated or self.first_delay or self.delay or self.linger or self.split):
            await exchange.send(start + _whole_body(self, model, usage))
            return
        await exchange.send(start)
        await exchange.pause(self.first_delay)
        paced: list[bytes | Gate] = list(self.events(model, usage))
        for index, piece in enumerate(paced if self.delay else _joined(paced)):
            if isinstance(piece, Gate):
                await exchange.wait_for(piece)
                continue
            if index and index < len(paced) - 1:
                await exchange.pause(self.delay)
            await _send_body(exchange, piece, self.split)
        exchange.complete = True
        await exchange.pause(self.linger)
        await exchange.send(chunk(b""))

    def events(self, model: str, usage: Usage | None) -> Iterator[bytes | Gate]:
        """Yield the stream: one item for each piece of the answer, and one for everything that ends it."""
        role: bytes = self._event(chunk_object(model, {"role": "assistant", "content": ""}))
        for key, pieces in ((self.reasoning_field, _words(self.reasoning)), ("content", self._pieces())):
            for piece in pieces:
                if isinstance(piece, Gate):
                    yield piece
                else:
                    yield role + self._event(chunk_object(model, {key: piece}))
                    role = b""
        for fragment in call_fragments(self.tool_calls):
            yield role + self._event(chunk_object(model, {"tool_calls": [fragment]}))
            role = b""
        end = role
        if self.finish_reason is not None:
            end += self._event(chunk_object(model, {}, finish_reason=self.finish_reason))
        if usage is not None:
            end += self._event(chunk_object(model, None, usage=usage))
        if self.done:
            end += self._event(b"[DONE]")
        yield end

    async def _send_object(self, exchange: Exchange) -> None:
        body = to_json(self.completion(self._model(exchange), self._usage(exchange)))
        content_type = JSON if self.content_type == EVENT_STREAM else self.content_type
        if self.split is None:
            await exchange.respond(200, body, content_type, {})
            return
        await exchange.send(
            response_head(200, content_type, {"Content-Length": str(len(body))}, keep_alive=exchange.keep_alive)
        )
        for piece in split(body, self.split):
            await exchange.send(piece)
            await asyncio.sleep(self.delay)

    def completion(self, model: str, usage: Usage | None) -> dict[str, Any]:
        """Return the answer as one object."""
        text = "".join(p for p in self._pieces() if isinstance(p, str))
        message: dict[str, Any] = {"role": "assistant", "content": text}
        if self.tool_calls:
            message["tool_calls"] = [call_object(call) for call in self.tool_calls]
        if self.reasoning:
            message[self.reasoning_field] = self.reasoning
        return completion_object(model, message, finish_reason=self.finish_reason, usage=usage)

    def _pieces(self) -> Sequence[str | Gate]:
        return _words(self.text) if self.chunks is None else self.chunks

    def _model(self, exchange: Exchange) -> str:
        return self.model or exchange.model

    def _usage(self, exchange: Exchange) -> Usage | None:
        if isinstance(self.usage, Usage):
            return self.usage
        words = count_words(self.reasoning) + sum(count_words(p) for p in self._pieces() if isinstance(p, str))
        return Usage(prompt_tokens=exchange.prompt_tokens, completion_tokens=words) if self.usage else None

    def _event(self, data: dict[str, Any] | bytes) -> bytes:
        line = b"data: " + (data if isinstance(data, bytes) else to_json(data))
        end = self.newline.encode() * 2
        return (b": ping" + end if self.comments else b"") + line + end


def stream_head(exchange: Exchange, content_type: str | None = EVENT_STREAM) -> bytes:
    """Return the head of a streamed answer with a chunked body."""
    return response_head(200, content_type, {"Transfer-Encoding": "chunked"}, keep_alive=exchange.keep_alive)


async def send_beginning(exchange: Exchange, text: str) -> None:
    """Send the head and the first text of a streamed answer, without anything that ends it.

    Raises:
        ClientGone: the client disconnected.
    """
    *events, _ = Say(text).events(exchange.model, None)
    body = b"".join(event for event in events if isinstance(event, bytes))
    await exchange.send(stream_head(exchange) + (chunk(body) if body else b""))


def echo(request: Request) -> Say:
    """Repeat the last message: the default of a :class:`~kaito.testing.ModelServer`."""
    return Say(request.last_message)


async def _send_body(exchange: Exchange, data: bytes, size: int | None) -> None:
    if size is None:
        await exchange.send(chunk(data))
        return
    for piece in split(data, size):
        await exchange.send(chunk(piece))
        await asyncio.sleep(0)  # so that each piece is a write of its own


@lru_cache(maxsize=16)
def _whole_body(say: Say, model: str, usage: Usage | None) -> bytes:
    events = say.events(model, usage)
    return b"".join(chunk(event) for event in events if isinstance(event, bytes) and event) + chunk(b"")


def _joined(items: Sequence[bytes | Gate]) -> Iterator[bytes | Gate]:
    for is_gate, group in itertools.groupby(items, key=lambda item: isinstance(item, Gate)):
        if is_gate:
            yield from group
        else:
            yield b"".join(item for item in group if isinstance(item, bytes))


def _words(text: str) -> list[str]:
    """Split `text` before every word, losing nothing."""
    return re.findall(r"\s*\S+(?:\s+$)?|\s+$", text)


def _is_gate(piece: str | Gate) -> TypeGuard[Gate]:
    return isinstance(piece, Gate)
