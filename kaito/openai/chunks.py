"""Events in, deltas out: what OpenAI's chat completions look like, streamed and whole.

Shapes: https://platform.openai.com/docs/api-reference/chat-streaming; `reasoning_content` and `reasoning` are vLLM's,
by version.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from kaito.openai.refusals import error_message
from kaito.types import Delta, Usage


class MalformedError(ValueError):
    """What came is no chat completion."""


# JSON has no cycles: none of these is worth the garbage collector's attention.


class _Text(msgspec.Struct, gc=False):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None


class _Choice(msgspec.Struct, gc=False):
    delta: _Text | None = None
    #: A whole answer has this in place of `delta`.
    message: _Text | None = None
    finish_reason: str | None = None
    index: int = 0


class _PromptDetails(msgspec.Struct, gc=False):
    cached_tokens: int | None = None


class _Usage(msgspec.Struct, gc=False):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _PromptDetails | None = None


class _Chunk(msgspec.Struct, gc=False):
    choices: tuple[_Choice, ...] | None = None
    usage: _Usage | None = None
    model: str | None = None
    error: Any = None
    #: `error` here is how older vLLM says that the chunk is one.
    object: str | None = None
    message: Any = None


_chunk = msgspec.json.Decoder(_Chunk)
_chunks = msgspec.json.Decoder(list[_Chunk])

_END = b"[DONE]"


class AnswerDecoder:
    """Gathers an answer from the events of its stream.

    Attributes:
        done: the stream has said that it is over.
        error: the server's words when it gave up in mid-stream. No delta follows.
    """

    def __init__(self) -> None:
        self.done = False
        self.error: str | None = None

    def decode(self, events: list[bytes]) -> Delta:
        """Merge events into one delta: all that one read brought is shown at once.

        Raises:
            MalformedError: an event is no chunk of a chat completion.
        """
        if not events:
            return Delta()
        if events[-1] == _END:
            self.done = True
            events = events[:-1]
        try:
            # One array is decoded at more than twice the speed of its events one by one.
            chunks = _chunks.decode(b"[%b]" % b",".join(events))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            chunks = self._one_by_one(events)
        else:
            if len(chunks) != len(events):  # an event that holds a comma between two values
                chunks = self._one_by_one(events)
        return self._merge(chunks)

    def decode_whole(self, body: bytes) -> Delta:
        """Read the answer of a server that does not stream.

        Raises:
            MalformedError: the body is no chat completion.
        """
        self.done = True
        return self._merge([_lenient(body)])

    def _one_by_one(self, events: list[bytes]) -> list[_Chunk]:
        chunks = []
        for event in events:
            if event == _END:
                self.done = True
                break
            if event:
                chunks.append(_lenient(event))
        return chunks

    def _merge(self, chunks: list[_Chunk]) -> Delta:
        delta = Delta()
        content: list[str] = []
        reasoning: list[str] = []
        for chunk in chunks:
            if chunk.error is not None or chunk.object == "error":
                self.error = error_message(chunk.error) or error_message(chunk.message) or "no reason given"
                self.done = True
                break
            if chunk.usage is not None:
                delta.usage = _usage(chunk.usage)
            if not chunk.choices:
                continue
            choice = chunk.choices[0]
            if text := choice.delta or choice.message:
                if text.content:
                    content.append(text.content)
                if thought := text.reasoning_content or text.reasoning:
                    reasoning.append(thought)
            if choice.finish_reason:
                delta.finish_reason = choice.finish_reason
        if chunks:
            delta.model = chunks[-1].model
        delta.content = "".join(content)
        delta.reasoning = "".join(reasoning)
        return delta


def _usage(usage: _Usage) -> Usage:
    details = usage.prompt_tokens_details
    return Usage(
        prompt_tokens=usage.prompt_tokens or 0,
        completion_tokens=usage.completion_tokens or 0,
        cached_tokens=details.cached_tokens if details else None,
    )


def _lenient(event: bytes) -> _Chunk:
    try:
        return _chunk.decode(event)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        pass
    # Half a surrogate pair, or a byte that is no UTF-8, spoils one character and not the answer.
    try:
        value = json.loads(event.decode("utf-8", "replace"))
        chunk = msgspec.convert(value, _Chunk)
    except (ValueError, RecursionError) as exc:
        raise MalformedError(str(exc)) from exc
    for choice in chunk.choices or ():
        for text in (choice.delta, choice.message):
            if text is not None:
                text.content = _whole(text.content)
                text.reasoning = _whole(text.reasoning)
                text.reasoning_content = _whole(text.reasoning_content)
    return chunk


def _whole(text: str | None) -> str | None:
    return text and text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
