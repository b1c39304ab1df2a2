"""The ordinary reply: an answer of a model, streamed or whole."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

from kaito.testing.bodies import chunk_object, completion_object, count_words, to_json
from kaito.testing.exchange import JSON, Exchange, Request, chunk, head, split
from kaito.testing.gate import Gate
from kaito.types import Usage

EVENT_STREAM = "text/event-stream; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Say:
    """A whole answer, streamed as vLLM streams it, or in one JSON object when the request does not ask for a stream.

    With no delay, gate or split it is written at once, in a single system call for a small answer; the bytes are
    remembered, so that the same reply costs next to nothing the next time.
    """

    #: What the model says; streamed word by word.
    text: str = ""
    #: What it says in these very pieces, instead of `text`. A :class:`~kaito.testing.Gate` among them is waited for.
    chunks: Sequence[str | Gate] | None = field(default=None, kw_only=True)
    #: What it thinks before that.
    reasoning: str = field(default="", kw_only=True)
    #: The reasoning's key, which differs by vLLM's version.
    reasoning_field: Literal["reasoning_content", "reasoning"] = field(default="reasoning_content", kw_only=True)
    #: `None` ends the answer without one.
    finish_reason: str | None = field(default="stop", kw_only=True)
    #: Whether the usage is told: in a last event with no choice when the request asks for it, in the object always.
    #: A :class:`~kaito.types.Usage` gives the numbers instead of counting words.
    usage: bool | Usage = field(default=True, kw_only=True)
    #: The model's name in the answer, if it is not the one that the request names.
    model: str | None = field(default=None, kw_only=True)
    #: Seconds before the response's head, as a queue makes one wait.
    head_delay: float = field(default=0, kw_only=True)
    #: Seconds between the head and the first event.
    first_delay: float = field(default=0, kw_only=True)
    #: Seconds between the pieces.
    delay: float = field(default=0, kw_only=True)
    #: What ends a line of the event stream.
    newline: Literal["\n", "\r\n", "\r"] = field(default="\n", kw_only=True)
    #: Whether a comment (`: ping`) stands before every event.
    comments: bool = field(default=False, kw_only=True)
    #: Writes the body in pieces of this many bytes, with no regard for events and letters.
    split: int | None = field(default=None, kw_only=True)
    #: The response's content type; `None` sends none.
    content_type: str | None = field(default=EVENT_STREAM, kw_only=True)
    #: Answers in one JSON object although a stream was asked for.
    unstreamed: bool = field(default=False, kw_only=True)
    #: Whether `data: [DONE]` is sent.
    done: bool = field(default=True, kw_only=True)
    #: Seconds for which the body stays open after all was said.
    linger: float = field(default=0, kw_only=True)

    def __post_init__(self) -> None:
        if self.chunks is not None:
            object.__setattr__(self, "chunks", tuple(self.chunks))

    async def play(self, exchange: Exchange) -> None:
        """Say it."""
        await exchange.pause(self.head_delay)
        if self.unstreamed or not exchange.request.streams:
            await self._play_object(exchange)
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
        """Return the stream: an item for every piece of the answer, and one for all that ends it."""
        role: bytes = self._event(chunk_object(model, {"role": "assistant", "content": ""}))
        for key, pieces in ((self.reasoning_field, _words(self.reasoning)), ("content", self._pieces())):
            for piece in pieces:
                if isinstance(piece, Gate):
                    yield piece
                else:
                    yield role + self._event(chunk_object(model, {key: piece}))
                    role = b""
        end = role
        if self.finish_reason is not None:
            end += self._event(chunk_object(model, {}, finish_reason=self.finish_reason))
        if usage is not None:
            end += self._event(chunk_object(model, None, usage=usage))
        if self.done:
            end += self._event(b"[DONE]")
        yield end

    async def _play_object(self, exchange: Exchange) -> None:
        body = to_json(self.completion(self._model(exchange), self._usage(exchange)))
        content_type = JSON if self.content_type == EVENT_STREAM else self.content_type
        if self.split is None:
            await exchange.respond(200, body, content_type, {})
            return
        await exchange.send(head(200, content_type, {"Content-Length": str(len(body))}, keep_alive=exchange.keep_alive))
        for piece in split(body, self.split):
            await exchange.send(piece)
            await asyncio.sleep(self.delay)

    def completion(self, model: str, usage: Usage | None) -> dict[str, Any]:
        """Return the answer as one object."""
        message = {"role": "assistant", "content": "".join(p for p in self._pieces() if isinstance(p, str))}
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
        said = count_words(self.reasoning) + sum(count_words(p) for p in self._pieces() if isinstance(p, str))
        return Usage(prompt_tokens=exchange.prompt_tokens, completion_tokens=said) if self.usage else None

    def _event(self, data: dict[str, Any] | bytes) -> bytes:
        line = b"data: " + (data if isinstance(data, bytes) else to_json(data))
        end = self.newline.encode() * 2
        return (b": ping" + end if self.comments else b"") + line + end


def stream_head(exchange: Exchange, content_type: str | None = EVENT_STREAM) -> bytes:
    """Return the head of a streamed answer, whose body is chunked."""
    return head(200, content_type, {"Transfer-Encoding": "chunked"}, keep_alive=exchange.keep_alive)


async def say_begin(exchange: Exchange, text: str) -> None:
    """Send a streamed answer's head and `text`, and nothing that ends it.

    Raises:
        ClientGone: the client hung up.
    """
    *spoken, _ = Say(text).events(exchange.model, None)
    body = b"".join(piece for piece in spoken if isinstance(piece, bytes))
    await exchange.send(stream_head(exchange) + (chunk(body) if body else b""))


def echo(request: Request) -> Say:
    """Answer with the last message: what a server does that was told nothing else."""
    return Say(request.last_message)


async def _send_body(exchange: Exchange, data: bytes, size: int | None) -> None:
    if size is None:
        await exchange.send(chunk(data))
        return
    for piece in split(data, size):
        await exchange.send(chunk(piece))
        await asyncio.sleep(0)  # on its own way through the loop


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
