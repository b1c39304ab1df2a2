"""The JSON of a chat completion: strict types for speed, and tolerant parsing of JSON that does not match them."""

from __future__ import annotations

import json
import re
from typing import Any, Literal

import msgspec

from kaito.openai.finish_reasons import finish_reason
from kaito.util import limits
from kaito.util.decoding import DecodeError, check_values


class MalformedError(ValueError):
    """The data is not a chat completion."""


# JSON has no cycles, so that the garbage collector can ignore these objects (`gc=False`). Fields that differ between
# servers stay JSON (`Raw`) until they are needed: a hostile value then costs no more than its bytes.

#: The value of a field that the server did not send.
ABSENT = msgspec.Raw()


class Text(msgspec.Struct, gc=False):
    """The text of a choice."""

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    #: The model's reason for not answering. OpenAI sends it in place of the content; one with text is joined to the
    #: content by :func:`parse_chunk`.
    refusal: Literal[""] | None = None
    tool_calls: msgspec.Raw = ABSENT


class Choice(msgspec.Struct, gc=False):
    """One of the answers; only one is requested."""

    delta: Text | None = None
    #: Replaces `delta` in an answer that is not streamed.
    message: Text | None = None
    #: Replaces both in a text completion. Some servers repeat the content of `delta` here.
    text: str | None = None
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
        if self.object == "error":
            return True
        if not is_empty(self.error):
            return self.choices is None or not _says_nothing(bytes(self.error))
        return self.choices is None and not (is_empty(self.message) and is_empty(self.detail))


def is_empty(value: msgspec.Raw) -> bool:
    """Return whether a field is absent or means the same, such as null."""
    return bytes(value) in _EMPTY


_EMPTY = (b"", b"null", b'""', b"false", b"[]")


def _says_nothing(error: bytes) -> bool:
    """Return whether an error contains neither text nor a number, such as `{"message": null, "code": 0}`."""
    values = re.sub(rb'"[^"]*+"\s*+:', b"", error.replace(b'""', b"0"))
    return re.search(rb'"|[1-9]|true', values) is None


def merged_text(choice: Choice) -> Text:
    """Return the text of a choice whose delta has no content: the rest may be in its other fields."""
    delta, message = choice.delta or Text(), choice.message or Text()
    return Text(
        content=message.content or choice.text,
        reasoning_content=delta.reasoning_content or delta.reasoning or message.reasoning_content or message.reasoning,
        tool_calls=message.tool_calls if is_empty(delta.tool_calls) else delta.tool_calls,
    )


_decoder = msgspec.json.Decoder(Chunk)


def parse_chunk(event: bytes) -> Chunk:
    """Parse one event. Fields that an answer does not need may have any type; an empty event is an empty chunk.

    A character that is split over two events stays a lone surrogate. Text in an unusual place or form is read as well.

    Raises:
        MalformedError: it is not a chunk of a chat completion, has too many values, or has text that cannot be read.
    """
    if not event.strip():
        return Chunk()
    try:
        check_values(event)
    except DecodeError as exc:
        raise MalformedError(exc.reason) from None
    try:
        return _decoder.decode(event)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    if len(event) > limits.UNUSUAL_EVENT:
        raise MalformedError("too large")
    # Half a character must not spoil the whole answer, and msgspec accepts only whole characters.
    try:
        value = json.loads(event.decode("utf-8", "surrogateescape"), parse_int=_bounded)
    except (ValueError, RecursionError) as exc:
        raise MalformedError(str(exc)) from exc
    if value is None:
        return Chunk()
    choices = value.get("choices") if isinstance(value, dict) else 0
    if isinstance(choices, list) and None in choices:
        choices = [choice for choice in choices if choice is not None] or None
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
    delta, message = _text(value.get("delta")), _text(value.get("message"))
    needed = not (delta and delta.content) and not (message and message.content)
    return Choice(
        delta=delta,
        message=message,
        text="".join(_parts(value.get("text"), [])) if needed else None,
        finish_reason=finish_reason(value.get("finish_reason")),
        index=_number(value.get("index")),
    )


def _text(value: Any) -> Text | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        value = {"content": value}
    thoughts: list[str] = []
    content = _parts(value.get("content"), thoughts)
    if not isinstance(refusal := value.get("refusal"), bool):
        content += _parts(refusal, thoughts)
    reasoning = [_thoughts(value.get(name)) for name in ("reasoning_content", "reasoning")]
    return Text(
        content="".join(content),
        reasoning_content="".join(thoughts) + (reasoning[0] or reasoning[1]),
        tool_calls=_raw(value.get("tool_calls")),
    )


#: The fields of a part, or of an object within one, that hold its text. OpenAI's Assistants nest `value` in `text`.
_TEXT_FIELDS = ("text", "value", "content", "refusal")
#: The type of Mistral's parts with reasoning.
_THOUGHT_FIELDS = ("thinking", "reasoning")
_TEXT_TYPES = frozenset({"", "text", "output_text"})
#: Fields of a part without text that only announces one.
_NO_TEXT_FIELDS = frozenset({"type", "index", "id", "annotations", *_TEXT_FIELDS, *_THOUGHT_FIELDS})
#: How deep parts may be nested.
_MAX_DEPTH = 8


def _parts(value: Any, thoughts: list[str], depth: int = 0) -> list[str]:
    """Return the pieces of a text: a string, or parts as in a request. Those of thoughts are added to `thoughts`.

    Raises:
        MalformedError: a part is neither text nor something else with a name, such as an image.
    """
    if value is None:
        return []
    if isinstance(value, str):
        return [value]
    if depth > _MAX_DEPTH:
        raise MalformedError("the content is nested too deeply")
    if isinstance(value, list):
        return [piece for part in value for piece in _parts(part, thoughts, depth + 1)]
    if not isinstance(value, dict):
        raise MalformedError("the content is not text")
    for name in _THOUGHT_FIELDS:
        thoughts += _parts(value.get(name), thoughts, depth + 1)
    for name in _TEXT_FIELDS:
        if value.get(name) is not None:
            return _parts(value[name], thoughts, depth + 1)
    kind = value.get("type")
    if (not isinstance(kind, str) or kind in _TEXT_TYPES) and not _NO_TEXT_FIELDS.issuperset(value):
        raise MalformedError("a part of the content is not text")
    return []


def _thoughts(value: Any) -> str:
    """Return reasoning in any form; `""` for an unknown form, as the answer is complete without it."""
    try:
        thoughts: list[str] = []
        return "".join([*_parts(value, thoughts), *thoughts])
    except MalformedError:
        return ""


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
    """Convert a number of JSON. Python refuses thousands of digits, which no field needs."""
    return int(digits) if len(digits) < 20 else 2**64
