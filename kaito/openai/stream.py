"""Reads one answer: its bytes through the pure layers as they arrive, until it ends or fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import aiohttp

from kaito.errors import ModelError, StreamError
from kaito.net.failures import BodyError, translate_body_errors
from kaito.openai.chunks import AnswerDecoder
from kaito.openai.schema import MalformedError
from kaito.openai.sse import EventDecoder, EventTooLargeError
from kaito.settings import Settings
from kaito.types import Delta

#: Seconds in which a stream must send its usage and end once the answer is complete.
_CLOSE_DELAY = 2.0
#: Seconds that a body may take to end after `[DONE]`, so that its connection can be reused.
_DRAIN_DELAY = 0.01
#: Bytes that an answer may have which is not streamed.
_MAX_BODY = 64 * 1024 * 1024

_NOT_A_COMPLETION = "The stream ended early: the server sent something that is not a chat completion"
_NOT_KEPT = "What arrived is not part of the conversation; send the message again (/retry)"


class AnswerStream:
    """One answer, read piece by piece.

    Args:
        response: its headers have been read, its status is 200.
        settings: how long the server may be silent.
        redact: returns the part of a server's message that may be shown.
    """

    def __init__(self, response: aiohttp.ClientResponse, settings: Settings, redact: Callable[[str], str]) -> None:
        self._response = response
        self._settings = settings
        self._redact = redact
        self._decoder = AnswerDecoder()
        self._events = EventDecoder()
        # The body so far, until it is known to be a stream.
        self._whole: bytearray | None = None if response.content_type == "text/event-stream" else bytearray()
        self._complete = False
        self._deadline: float | None = None

    async def read(self) -> Delta | None:
        """Return what the next read brings; `None` at the end.

        Raises:
            StreamError: the stream ended early, or is not a chat completion. What arrived was returned before.
            ModelError: the server failed in mid-stream.
        """
        try:
            delta = await self._next_delta()
        except (BodyError, TimeoutError) as exc:
            # A complete answer needs no proper end.
            if not self._complete:
                raise StreamError(f"The stream ended early: {exc}", _NOT_KEPT) from None
            delta = None
        except (MalformedError, EventTooLargeError):
            raise StreamError(_NOT_A_COMPLETION, _NOT_KEPT) from None
        if delta is None:
            self._check_end()
            await self._drain()
        elif delta.finish_reason is not None:
            self._complete = True
            self._deadline = self._deadline or asyncio.get_running_loop().time() + _CLOSE_DELAY
        return delta

    async def _next_delta(self) -> Delta | None:
        while not self._decoder.done:
            data = await self._read()
            if not data:
                break
            if self._whole is not None:
                self._whole += data
                if len(self._whole) > _MAX_BODY:
                    raise MalformedError("it does not end")
                if not _is_stream(self._response.content_type, bytes(self._whole[:64])):
                    continue
                data, self._whole = bytes(self._whole), None
            return self._decoder.decode(self._events.feed(data))
        if self._whole is None:
            return None
        whole, self._whole = bytes(self._whole), None
        return self._decoder.decode_whole(whole)

    async def _read(self) -> bytes:
        with translate_body_errors(self._settings):
            if self._deadline is None:
                return await self._response.content.readany()
            async with asyncio.timeout_at(self._deadline):
                return await self._response.content.readany()

    def _check_end(self) -> None:
        """Raise an error if the answer that has ended is not complete."""
        if self._decoder.error is not None:
            raise ModelError(self._redact(self._decoder.error), _NOT_KEPT)
        if self._decoder.malformed:
            raise StreamError(_NOT_A_COMPLETION, _NOT_KEPT)
        if not self._complete:
            raise StreamError("The stream ended early: no finish reason was sent", _NOT_KEPT)

    async def _drain(self) -> None:
        if not self._response.content.at_eof():
            with suppress(BodyError, TimeoutError):
                async with asyncio.timeout(_DRAIN_DELAY):
                    await self._read()


def _is_stream(content_type: str, head: bytes) -> bool:
    """Return whether an answer is streamed, by its first bytes: a proxy may hide the content type."""
    head = head.lstrip()
    if not head or head[:1] in (b"{", b"[", b"<"):
        return False
    return not content_type.endswith("json") or head.startswith((b"data", b"event", b"id", b"retry", b":"))
