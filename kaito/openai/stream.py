"""Reads one answer: parses its bytes as they arrive, until it ends or fails."""

from __future__ import annotations

import asyncio
import codecs
import re
from collections.abc import Callable
from contextlib import suppress

import aiohttp
from aiohttp import compression_utils

from kaito.errors import ShellHint, StreamError
from kaito.net.failures import BodyError, translate_body_errors
from kaito.openai.chunks import AnswerDecoder
from kaito.openai.error_bodies import describe
from kaito.openai.error_messages import NOT_KEPT
from kaito.openai.error_responses import ErrorResponse
from kaito.openai.finish_reasons import Ending, ending_of
from kaito.openai.schema import MalformedError
from kaito.openai.sse import EventDecoder, EventTooLargeError
from kaito.settings import Settings
from kaito.types import Delta
from kaito.util import limits
from kaito.util.sanitize import one_line

#: Seconds without an event after which an answer that has a finish reason is complete. Some servers send neither
#: `[DONE]` nor the end of the body, and some send a reason with each event.
_SILENCE = 2.0
#: Seconds that a body may take to end after `[DONE]`, so that its connection can be reused.
_DRAIN_DELAY = 0.01
#: For the description of a body that is not an answer: the most bytes that are kept, and characters that are shown.
_HEAD = 8 * 1024
_MAX_SHOWN = 200

_NOT_A_COMPLETION = "The stream ended early: the server sent something that is not a chat completion"
_CONTINUE = ShellHint("/continue continues what arrived; /retry sends the message again", NOT_KEPT.elsewhere)


class ServerFailedError(Exception):
    """The server reported a failure within an answer."""

    def __init__(self, error: ErrorResponse) -> None:
        super().__init__(error.message)
        self.error = error


class AnswerStream:
    """One answer, read piece by piece.

    Args:
        response: its headers have been read, its status is 200.
        settings: how long the server may be silent.
        redact: returns the part of a server's message that may be shown.

    Raises:
        StreamError: the answer is encoded in a way that cannot be decoded.
    """

    def __init__(self, response: aiohttp.ClientResponse, settings: Settings, redact: Callable[[str], str]) -> None:
        if encoding := _unknown_encoding(response.headers.get("Content-Encoding", "")):
            shown = redact(one_line(encoding))
            reason = f"The server's answer has the content encoding '{shown}', which cannot be decoded"
            raise StreamError(reason, "Ask its operator, or the operator of a proxy before it, to send answers without")
        self._response = response
        self._settings = settings
        self._redact = redact
        self._decoder = AnswerDecoder()
        self._events = EventDecoder()
        # The body so far, as long as it is not known whether it is a stream.
        self._whole: bytearray | None = bytearray()
        self._padding = 0
        self._head = b""
        #: Why the body ended early.
        self._failure = ""
        self._ended = False
        self._deadline: float | None = None

    @property
    def calls_tools(self) -> bool:
        """Whether a part of a call of a tool has arrived. The deltas contain calls only when they are complete."""
        return self._decoder.calls is not None

    async def read(self) -> Delta | None:
        """Read once and return the delta; `None` at the end.

        Raises:
            StreamError: the stream ended early, or is not a chat completion. What arrived was returned before.
            ServerFailedError: the server failed in mid-stream; likewise.
        """
        if not self._ended:
            delta = await self._next_delta()
            if delta is not None:
                return delta
            self._ended = True
            rest = self._decoder.finish()
            if rest != Delta():
                return rest
        self._check_end()
        await self._drain()
        return None

    async def _next_delta(self) -> Delta | None:
        decoder = self._decoder
        try:
            while not decoder.done:
                data = await self._read()
                if not data:
                    return self._last()
                if not decoder.begun and len(self._head) < _HEAD:
                    self._head += data[: _HEAD - len(self._head)]
                if self._whole is not None:
                    searched = max(len(self._whole) - _DATA_LINE_START, 0)
                    self._whole += data
                    if self._padding + len(self._whole) > limits.WHOLE_ANSWER:
                        raise MalformedError("it does not end")
                    self._skip_padding()
                    if not self._is_stream(searched):
                        continue
                    data, self._whole = bytes(self._whole), None
                events = self._events.feed(data)
                delta = decoder.decode(events)
                if self._events.error is not None:
                    decoder.fail(self._events.error)
                if events and decoder.finish_reason is not None:
                    self._deadline = asyncio.get_running_loop().time() + _SILENCE
                return delta
        except BodyError as exc:
            self._failure = str(exc)
        except TimeoutError:
            pass  # the silence after a finish reason
        except (MalformedError, EventTooLargeError):
            decoder.malformed = b""
        return None

    def _skip_padding(self) -> None:
        """Remove blanks and byte order marks before the body, which some proxies send to keep it alive."""
        whole = self._whole
        if whole and (blanks := _PADDING.match(whole)) is not None:
            self._padding += blanks.end()
            del whole[: blanks.end()]

    def _is_stream(self, searched: int) -> bool:
        """Return whether the body so far is a stream, as a proxy may have removed the content type.

        Args:
            searched: bytes of the body in which no line with data begins.
        """
        assert self._whole is not None
        content_type, head = self._response.content_type, bytes(self._whole[:8])
        if not head or codecs.BOM_UTF8.startswith(head):
            return False
        if content_type == "text/event-stream":
            # An answer that is not streamed may have this type, too. JSON cannot contain such a line.
            return head[:1] != b"{" or _DATA_LINE.search(self._whole, searched) is not None
        if head[:1] in (b"{", b"[", b"<"):
            return False
        return not content_type.endswith("json") or head.startswith((b"data", b"event", b"id", b"retry", b":"))

    def _last(self) -> Delta | None:
        """Return the last delta, at the end of the body."""
        if self._whole is not None:
            whole, self._whole = bytes(self._whole), None
            self._head = whole[:_HEAD]
            return self._decoder.decode_whole(whole)
        delta = self._decoder.decode_last(self._events.end())
        if self._events.error is not None:
            self._decoder.fail(self._events.error)
        self._decoder.done = True
        return delta

    async def _read(self) -> bytes:
        if self._deadline is None:
            with translate_body_errors(self._settings):
                return await self._response.content.readany()
        async with asyncio.timeout_at(self._deadline):
            with translate_body_errors(self._settings):
                return await self._response.content.readany()

    def _check_end(self) -> None:
        """Raise an error if the answer has ended and is not complete."""
        decoder, reason = self._decoder, self._decoder.finish_reason
        if decoder.error is not None:
            raise ServerFailedError(decoder.error)
        if decoder.malformed is not None:
            if not decoder.begun:
                raise self._no_answer(decoder.malformed or self._head)
            raise StreamError(_NOT_A_COMPLETION, NOT_KEPT)
        if decoder.too_long:
            many = decoder.calls is not None and decoder.calls.too_large
            what = "has too many calls of tools" if many else f"is longer than {limits.shown_size(limits.ANSWER)}"
            raise StreamError(f"The answer {what}", NOT_KEPT)
        # When the answer is complete, it does not matter how its connection ends.
        if self._failure and (reason is None or decoder.text_after_finish):
            raise StreamError(f"The stream ended early: {self._failure}", NOT_KEPT)
        if not decoder.begun:
            raise self._no_answer(self._head)
        if reason is None:
            raise StreamError("The stream ended early: no finish reason was sent", NOT_KEPT)
        if ending_of(reason) is Ending.BROKEN:
            shown, hint = self._redact(one_line(reason)), _CONTINUE if decoder.answered else NOT_KEPT
            raise StreamError(f"The server broke the answer off: its finish reason is '{shown}'", hint)

    def _no_answer(self, body: bytes) -> StreamError:
        """Return the error for a body that is not an answer, with a description of it."""
        sent = self._redact(describe(body, self._response.headers.get("Content-Type", "")))
        if len(sent) > _MAX_SHOWN + 2:  # with the quotes
            sent = sent[: _MAX_SHOWN + 1] + "…'"
        return StreamError(
            f"The server's answer is not a chat completion: it sent {sent}",
            "Check the address; a proxy or another program may answer there",
        )

    async def _drain(self) -> None:
        if not self._response.content.at_eof():
            self._deadline = None
            with suppress(BodyError, TimeoutError):
                async with asyncio.timeout(_DRAIN_DELAY):
                    await self._read()


_PADDING = re.compile(rb"(?:[ \t\r\n]|\xef\xbb\xbf)+")
_DATA_LINE = re.compile(rb"[\r\n](?:\xef\xbb\xbf)?data:")
#: The most bytes of the line that may have arrived without being the whole line.
_DATA_LINE_START = 8
_DECODED = {"", "identity", "gzip", "deflate"}


def _unknown_encoding(header: str) -> str:
    """Return a content encoding that aiohttp does not decode, `""` for one that it does."""
    if not header:
        return ""
    known = _DECODED | ({"br"} if compression_utils.HAS_BROTLI else set())
    known |= {"zstd"} if getattr(compression_utils, "HAS_ZSTD", False) else set()
    encoding = header.strip().lower()
    return "" if encoding in known else encoding
