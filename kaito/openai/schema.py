"""What a chunk of an answer looks like: strict types for speed, and a patient reader for what does not fit them."""

from __future__ import annotations

import json
from typing import Any

import msgspec


class MalformedError(ValueError):
    """What came is no chat completion."""


# JSON has no cycles: none of these is worth the garbage collector's attention.


class Text(msgspec.Struct, gc=False):
    """What a choice says."""

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None


class Choice(msgspec.Struct, gc=False):
    """One of the answers, of which there is one."""

    delta: Text | None = None
    #: A whole answer has this in place of `delta`.
    message: Text | None = None
    finish_reason: str | None = None
    index: int | None = None


class PromptDetails(msgspec.Struct, gc=False):
    """Where the prompt's tokens came from."""

    cached_tokens: int | None = None


class TokenCount(msgspec.Struct, gc=False):
    """The server's count."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: PromptDetails | None = None


class Chunk(msgspec.Struct, gc=False):
    """One event of a stream, or a whole answer."""

    choices: tuple[Choice, ...] | None = None
    usage: TokenCount | None = None
    model: str | None = None
    error: Any = None
    #: `error` here is how older vLLM says that the chunk is one.
    object: str | None = None
    message: Any = None


_chunk = msgspec.json.Decoder(Chunk)


def read_chunk(event: bytes) -> Chunk:
    """Read one event. What is of no use to an answer may have any type; an event that is empty or null says nothing.

    Raises:
        MalformedError: it is no chunk of a chat completion.
    """
    if not event.strip():
        return Chunk()
    try:
        return _chunk.decode(event)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        pass
    # Half a surrogate pair, or a byte that is no UTF-8, spoils one character and not the answer.
    try:
        value = json.loads(event.decode("utf-8", "replace"))
    except (ValueError, RecursionError) as exc:
        raise MalformedError(str(exc)) from exc
    if value is None:
        return Chunk()
    choices = value.get("choices") if isinstance(value, dict) else 0
    if not isinstance(value, dict) or not (choices is None or isinstance(choices, list)):
        raise MalformedError("neither choices nor an error")
    return Chunk(
        choices=tuple(_choice(choice) for choice in choices or ()),
        usage=_usage(value.get("usage")),
        model=_string(value.get("model")),
        error=value.get("error"),
        object=_string(value.get("object")),
        message=value.get("message"),
    )


def _choice(value: Any) -> Choice:
    if not isinstance(value, dict):
        raise MalformedError("a choice is no object")
    return Choice(
        delta=_text(value.get("delta")),
        message=_text(value.get("message")),
        finish_reason=_string(value.get("finish_reason")),
        index=_number(value.get("index")),
    )


def _text(value: Any) -> Text | None:
    if not isinstance(value, dict):
        return None
    content = value.get("content")
    if isinstance(content, list):  # parts, as a request may have them
        content = "".join(_string(part.get("text")) or "" for part in content if isinstance(part, dict))
    if not (content is None or isinstance(content, str)):
        raise MalformedError("the content is no text")
    return Text(
        content=_string(content),
        reasoning_content=_string(value.get("reasoning_content")),
        reasoning=_string(value.get("reasoning")),
    )


def _usage(value: Any) -> TokenCount | None:
    if not isinstance(value, dict):
        return None
    details = value.get("prompt_tokens_details")
    return TokenCount(
        prompt_tokens=_number(value.get("prompt_tokens")),
        completion_tokens=_number(value.get("completion_tokens")),
        prompt_tokens_details=(
            PromptDetails(cached_tokens=_number(details.get("cached_tokens"))) if isinstance(details, dict) else None
        ),
    )


def _string(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _number(value: Any) -> int | None:
    try:
        return int(float(value))
    except (TypeError, ValueError, OverflowError):
        return None
