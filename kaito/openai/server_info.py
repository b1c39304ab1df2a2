"""Parses what a server tells about itself: its models, and the tokens of a prompt."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgspec

from kaito.types import ModelInfo
from kaito.util import limits
from kaito.util.decoding import DecodeError, decode_json


class _Model(msgspec.Struct):
    """A model as vLLM and SGLang list it; the window has other names elsewhere."""

    id: Any = None
    parent: Any = None
    max_model_len: Any = None
    #: OpenRouter's
    context_length: Any = None
    #: Groq's
    context_window: Any = None
    #: Mistral's, LM Studio's
    max_context_length: Any = None
    #: llama.cpp's
    meta: Any = None

    @property
    def window(self) -> int | None:
        """Tokens of the context window."""
        meta = self.meta.get("n_ctx") if isinstance(self.meta, dict) else None
        sizes = (self.max_model_len, self.context_length, self.context_window, self.max_context_length, meta)
        return next((size for size in sizes if _is_count(size)), None)


class _Name(msgspec.Struct):
    """What is left of a model whose other fields cannot be decoded."""

    id: str
    parent: None = None
    window: None = None


class _ModelList(msgspec.Struct):
    data: list[msgspec.Raw]


def parse_models(body: bytes) -> list[ModelInfo] | None:
    """Parse the answer of `GET /models`; return `None` if it is not a list of models.

    Entries that are not models are left out.
    """
    try:
        listed = decode_json(body, _ModelList).data
    except DecodeError:
        return None
    entries: dict[str | None, _Model | _Name] = {}
    for raw in listed:
        entry = _entry(bytes(raw))
        if entry is not None and (name := _name(entry.id)):
            entries.setdefault(name, entry)
    models = []
    for entry in entries.values():
        name, parent = str(entry.id), _name(entry.parent)
        parent = parent if parent != name else None
        # An adapter has the window of its model.
        window = entry.window or (entries[parent].window if parent in entries else None)
        models.append(ModelInfo(name=name, window=window, parent=parent))
    return models


def _entry(raw: bytes) -> _Model | _Name | None:
    with suppress(DecodeError):
        return decode_json(raw, _Model)
    with suppress(DecodeError):
        return decode_json(raw, _Name)
    return None


class _TokenizerAnswer(msgspec.Struct):
    """The answer of `POST /tokenize`."""

    #: vLLM's
    count: int | None = None
    #: llama.cpp's answer has nothing else.
    tokens: msgspec.Raw = msgspec.Raw()


class _Template(msgspec.Struct):
    prompt: str


def parse_token_count(body: bytes) -> int | None:
    """Parse the answer of `POST /tokenize`, vLLM's or llama.cpp's; return `None` if it has no count."""
    try:
        answer = decode_json(body, _TokenizerAnswer)
        count = answer.count if answer.count is not None else len(decode_json(bytes(answer.tokens), list[msgspec.Raw]))
    except DecodeError:
        return None
    return count if _is_count(count) else None


def parse_template(body: bytes) -> str | None:
    """Parse the answer of llama.cpp's `POST /apply-template`: a conversation as the model gets it."""
    try:
        return decode_json(body, _Template).prompt
    except DecodeError:
        return None


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= limits.TOKEN_COUNT


def _name(value: Any) -> str | None:
    """Return a model's name; one that no request could use is none."""
    return value if isinstance(value, str) and 0 < len(value) <= limits.SHOWN_NAME else None
