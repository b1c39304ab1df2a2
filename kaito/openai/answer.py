"""One answer: its bytes through the pure layers as they arrive, and the ways in which it may end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress

import aiohttp

from kaito.errors import ModelError, StreamError
from kaito.openai import http
from kaito.openai.chunks import AnswerDecoder
from kaito.openai.shapes import MalformedError
from kaito.openai.sse import EventDecoder, EventTooLargeError
from kaito.settings import Settings
from kaito.types import Delta

#: Seconds that a stream is given to send its usage and to end once the answer is complete.
_FAREWELL = 2.0
#: Seconds that a body is given to end after `[DONE]`, so that its connection can be kept.
_DRAIN = 0.01
#: Bytes that an answer in one piece may have.
_LONGEST_ANSWER = 64 * 1024 * 1024

_NO_COMPLETION = "The answer broke off: what the server sent is no chat completion"
_NOT_KEPT = "What arrived of it is not part of the conversation; send the message again"


async def read_answer(
    response: aiohttp.ClientResponse, settings: Settings, scrubbed: Callable[[str], str]
) -> AsyncGenerator[Delta, None]:
    """Yield what arrives of an answer, one delta a read.

    Args:
        response: its head has been read, its status is 200.
        settings: how long the server may be silent.
        scrubbed: takes secrets out of the server's words.

    Raises:
        StreamError: it broke off, or is no chat completion. What arrived was yielded.
        ModelError: the server gave up in mid-stream.
    """
    answer = AnswerDecoder()
    complete = False
    try:
        async for delta in _deltas(response, settings, answer):
            complete = complete or delta.finish_reason is not None
            yield delta
    except (http.BrokenError, TimeoutError) as exc:
        # A complete answer needs no proper end.
        if not complete:
            raise StreamError(f"The answer broke off: {exc}", _NOT_KEPT) from None
    except (MalformedError, EventTooLargeError):
        raise StreamError(_NO_COMPLETION, _NOT_KEPT) from None
    if answer.error is not None:
        raise ModelError(scrubbed(answer.error), _NOT_KEPT)
    if answer.malformed:
        raise StreamError(_NO_COMPLETION, _NOT_KEPT)
    if not complete:
        raise StreamError("The answer broke off: the stream ended without a finish reason", _NOT_KEPT)
    with suppress(http.BrokenError, TimeoutError):
        if not response.content.at_eof():
            async with asyncio.timeout(_DRAIN):
                await _read(response, settings)


async def _deltas(
    response: aiohttp.ClientResponse, settings: Settings, answer: AnswerDecoder
) -> AsyncGenerator[Delta, None]:
    events = EventDecoder()
    # Until it is known to be a stream, it is gathered.
    whole: bytearray | None = None if response.content_type == "text/event-stream" else bytearray()
    deadline: float | None = None
    while not answer.done:
        async with asyncio.timeout_at(deadline):
            data = await _read(response, settings)
        if not data:
            break
        if whole is not None:
            whole += data
            if len(whole) > _LONGEST_ANSWER:
                raise MalformedError("it does not end")
            if not _is_stream(response.content_type, bytes(whole[:64])):
                continue
            data, whole = bytes(whole), None
        delta = answer.decode(events.feed(data))
        if delta.finish_reason is not None and deadline is None:
            deadline = asyncio.get_running_loop().time() + _FAREWELL
        yield delta
    if whole is not None:
        yield answer.decode_whole(bytes(whole))


async def _read(response: aiohttp.ClientResponse, settings: Settings) -> bytes:
    with http.translated_body(settings):
        return await response.content.readany()


def _is_stream(content_type: str, head: bytes) -> bool:
    """Return whether an answer is streamed, by its first bytes: a proxy may hide the content type."""
    head = head.lstrip()
    if not head or head[:1] in (b"{", b"[", b"<"):
        return False
    return not content_type.endswith("json") or head.startswith((b"data", b"event", b"id", b"retry", b":"))
