"""The server's JSON: strict types for speed, and tolerant parsing of what does not match them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from kaito.types import ModelInfo


class MalformedError(ValueError):
    """The data is not a chat completion."""


# JSON has no cycles: the garbage collector need not look at any of these (`gc=False`).


class Text(msgspec.Struct, gc=False):
    """The text of a choice."""

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None


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
    error: Any = None
    #: `error` in an error of older vLLM.
    object: str | None = None
    message: Any = None


_decoder = msgspec.json.Decoder(Chunk)


def parse_chunk(event: bytes) -> Chunk:
    """Parse one event. Fields that an answer does not need may have any type; an empty event is an empty chunk.

    Raises:
        MalformedError: it is not a chunk of a chat completion.
    """
    if not event.strip():
        return Chunk()
    try:
        return _decoder.decode(event)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        pass
    # Half a surrogate pair, or a byte that is not UTF-8, spoils one character and not the answer.
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
        raise MalformedError("a choice is not an object")
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
    if isinstance(content, list):  # parts, as in a request
        content = "".join(_string(part.get("text")) or "" for part in content if isinstance(part, dict))
    if not (content is None or isinstance(content, str)):
        raise MalformedError("the content is not text")
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


class _ModelList(msgspec.Struct):
    data: list[dict[str, Any]]


class _Tokenized(msgspec.Struct):
    count: int


def parse_models(body: bytes) -> list[ModelInfo] | None:
    """Parse the answer of `GET /models`; return `None` if it is not a list of models."""
    try:
        listed = msgspec.json.decode(body, type=_ModelList).data
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    models = []
    windows = {str(model.get("id")): _window(model) for model in listed}
    for model in listed:
        name, parent = model.get("id"), model.get("parent")
        if isinstance(name, str) and name:
            parent = parent if isinstance(parent, str) and parent != name else None
            # An adapter has the window of its model.
            window = windows[name] or (windows.get(parent) if parent else None)
            models.append(ModelInfo(name=name, window=window, parent=parent))
    return models


def parse_token_count(body: bytes) -> int | None:
    """Parse the answer of vLLM's `POST /tokenize`; return `None` if it has no count."""
    try:
        return msgspec.json.decode(body, type=_Tokenized).count
    except msgspec.MsgspecError:
        return None


def _window(model: Mapping[str, Any]) -> int | None:
    window, meta = model.get("max_model_len"), model.get("meta")
    if window is None and isinstance(meta, dict):
        window = meta.get("n_ctx")  # llama.cpp
    return window if isinstance(window, int) else None
