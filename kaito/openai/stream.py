"""One answer: its bytes through the pure layers as they arrive, and the ways in which it may end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import aiohttp

from kaito.errors import ModelError, StreamError
from kaito.net import http_session
from kaito.openai.chunks import AnswerDecoder
from kaito.openai.schema import MalformedError
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
_NOT_KEPT = "What arrived is not part of the conversation; send the message again (/retry)"


class Answer:
    """One answer, read piece by piece.

    Args:
        response: its head has been read, its status is 200.
        settings: how long the server may be silent.
        shown: returns what may be shown of the server's words.
    """

    def __init__(self, response: aiohttp.ClientResponse, settings: Settings, shown: Callable[[str], str]) -> None:
        self._response = response
        self._settings = settings
        self._shown = shown
        self._decoder = AnswerDecoder()
        self._events = EventDecoder()
        # Until it is known to be a stream, it is gathered.
        self._whole: bytearray | None = None if response.content_type == "text/event-stream" else bytearray()
        self._complete = False
        self._deadline: float | None = None

    async def read(self) -> Delta | None:
        """Return what the next read brings; `None` at the end.

        Raises:
            StreamError: it broke off, or is no chat completion. What arrived was returned before.
            ModelError: the server gave up in mid-stream.
        """
        try:
            delta = await self._delta()
        except (http_session.BrokenError, TimeoutError) as exc:
            # A complete answer needs no proper end.
            if not self._complete:
                raise StreamError(f"The answer broke off: {exc}", _NOT_KEPT) from None
            delta = None
        except (MalformedError, EventTooLargeError):
            raise StreamError(_NO_COMPLETION, _NOT_KEPT) from None
        if delta is None:
            self._check()
            await self._drain()
        elif delta.finish_reason is not None:
            self._complete = True
            self._deadline = self._deadline or asyncio.get_running_loop().time() + _FAREWELL
        return delta

    async def _delta(self) -> Delta | None:
        while not self._decoder.done:
            data = await self._read()
            if not data:
                break
            if self._whole is not None:
                self._whole += data
                if len(self._whole) > _LONGEST_ANSWER:
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
        with http_session.BodyTranslated(self._settings):
            if self._deadline is None:
                return await self._response.content.readany()
            async with asyncio.timeout_at(self._deadline):
                return await self._response.content.readany()

    def _check(self) -> None:
        """Raise what is wrong with an answer that has ended."""
        if self._decoder.error is not None:
            raise ModelError(self._shown(self._decoder.error), _NOT_KEPT)
        if self._decoder.malformed:
            raise StreamError(_NO_COMPLETION, _NOT_KEPT)
        if not self._complete:
            raise StreamError("The answer broke off: the stream ended without a finish reason", _NOT_KEPT)

    async def _drain(self) -> None:
        if not self._response.content.at_eof():
            with suppress(http_session.BrokenError, TimeoutError):
                async with asyncio.timeout(_DRAIN):
                    await self._read()


def _is_stream(content_type: str, head: bytes) -> bool:
    """Return whether an answer is streamed, by its first bytes: a proxy may hide the content type."""
    head = head.lstrip()
    if not head or head[:1] in (b"{", b"[", b"<"):
        return False
    return not content_type.endswith("json") or head.startswith((b"data", b"event", b"id", b"retry", b":"))
