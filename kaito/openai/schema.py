"""The JSON of a chat completion: strict types for speed, and tolerant parsing of what does not match them."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from kaito.openai.finish_reasons import finish_reason
from kaito.util import limits


class MalformedError(ValueError):
    """The data is not a chat completion."""


# JSON has no cycles: the garbage collector need not look at any of these (`gc=False`). Fields whose form servers do not
# agree on stay JSON (`Raw`) until they are needed: a hostile value then costs no more than its bytes.

#: What a field is that the server did not send.
ABSENT = msgspec.Raw()


class Text(msgspec.Struct, gc=False):
    """The text of a choice."""

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    #: The model's reason for not answering, which OpenAI sends in place of the content.
    refusal: str | None = None
    tool_calls: msgspec.Raw = ABSENT


class Choice(msgspec.Struct, gc=False):
    """One of the answers; only one is requested."""

    delta: Text | None = None
    #: In place of `delta` in an answer that is not streamed.
    message: Text | None = None
    finish_reason: str | None = None
    index: int | None = None


class PromptDetails(msgspec.Struct, gc=False):
    """Details of the prompt's tokens."""

    cached_tokens: int | None = None


class TokenCount(msgspec.Struct, gc=False):
    """The server's token count."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: PromptDetails | None = None


class Chunk(msgspec.Struct, gc=False):
    """One event of a stream, or a whole answer."""

    choices: tuple[Choice, ...] | None = None
    usage: TokenCount | None = None
    model: str | None = None
    error: msgspec.Raw = ABSENT
    #: `error` in an error of older vLLM.
    object: str | None = None
    message: msgspec.Raw = ABSENT
    #: The message in FastAPI's errors.
    detail: msgspec.Raw = ABSENT

    @property
    def is_error(self) -> bool:
        """Whether the server reports a failure in place of an answer."""
        if not is_empty(self.error) or self.object == "error":
            return True
        return self.choices is None and not (is_empty(self.message) and is_empty(self.detail))


def is_empty(value: msgspec.Raw) -> bool:
    """Return whether a field is absent, or says as much as an absent one."""
    return bytes(value) in _EMPTY


_EMPTY = (b"", b"null", b'""', b"false", b"[]")

_decoder = msgspec.json.Decoder(Chunk)


def parse_chunk(event: bytes) -> Chunk:
    """Parse one event. Fields that an answer does not need may have any type; an empty event is an empty chunk.

    A character that is split over two events stays a lone surrogate.

    Raises:
        MalformedError: it is not a chunk of a chat completion.
    """
    if not event.strip():
        return Chunk()
    try:
        return _decoder.decode(event)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    if len(event) > limits.UNUSUAL_EVENT:
        raise MalformedError("too large")
    # Half a character spoils at most that character, and not the answer; msgspec takes whole ones only.
    try:
        value = json.loads(event.decode("utf-8", "surrogateescape"), parse_int=_bounded)
    except (ValueError, RecursionError) as exc:
        raise MalformedError(str(exc)) from exc
    if value is None:
        return Chunk()
    choices = value.get("choices") if isinstance(value, dict) else 0
    if not isinstance(value, dict) or not (choices is None or isinstance(choices, list)):
        raise MalformedError("neither choices nor an error")
    return Chunk(
        choices=None if choices is None else tuple(_choice(choice) for choice in choices),
        usage=_usage(value.get("usage")),
        model=_string(value.get("model")),
        error=_raw(value.get("error")),
        object=_string(value.get("object")),
        message=_raw(value.get("message")),
        detail=_raw(value.get("detail")),
    )


def _choice(value: Any) -> Choice:
    if not isinstance(value, dict):
        raise MalformedError("a choice is not an object")
    return Choice(
        delta=_text(value.get("delta")),
        message=_text(value.get("message")),
        finish_reason=finish_reason(value.get("finish_reason")),
        index=_number(value.get("index")),
    )


def _text(value: Any) -> Text | None:
    if not isinstance(value, dict):
        return None
    content = value.get("content")
    if isinstance(content, list):  # parts, as in a request
        content = "".join(_string(part.get("text")) or "" for part in content if isinstance(part, dict))
    if not (content is None or isinstance(content, str)):
        raise MalformedError("the content is not text")
    return Text(
        content=content,
        reasoning_content=_string(value.get("reasoning_content")),
        reasoning=_string(value.get("reasoning")),
        refusal=_string(value.get("refusal")),
        tool_calls=_raw(value.get("tool_calls")),
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


def _raw(value: Any) -> msgspec.Raw:
    return ABSENT if value is None else msgspec.Raw(json.dumps(value).encode())


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: Any) -> int | None:
    try:
        return int(float(value))
    except (TypeError, ValueError, OverflowError):
        return None


def _bounded(digits: str) -> int:
    """Return a number of JSON; Python refuses to convert thousands of digits, and none of them counts anything."""
    return int(digits) if len(digits) < 20 else 2**64
