"""Parses information from a server: its models, and the number of tokens of a prompt."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import msgspec

from kaito.types import ModelInfo
from kaito.util import limits
from kaito.util.decoding import DecodeError, decode_json

#: The value of a field that is absent.
_ABSENT = msgspec.Raw(b"null")
#: The most digits of a number of tokens.
_MAX_DIGITS = len(str(limits.TOKEN_COUNT))
#: Bytes of the longest name: each character may be two escapes of six bytes.
_LONGEST_NAME = 12 * limits.SHOWN_NAME + 2


class _Meta(msgspec.Struct, gc=False):
    n_ctx: msgspec.Raw = _ABSENT


class _Model(msgspec.Struct, gc=False):
    """A model as vLLM and SGLang list it; the window has other names elsewhere.

    Its fields are read later: one that cannot be decoded does not make the others useless.
    """

    id: msgspec.Raw = _ABSENT
    parent: msgspec.Raw = _ABSENT
    max_model_len: msgspec.Raw = _ABSENT
    #: OpenRouter's
    context_length: msgspec.Raw = _ABSENT
    #: Groq's
    context_window: msgspec.Raw = _ABSENT
    #: Mistral's, LM Studio's
    max_context_length: msgspec.Raw = _ABSENT
    #: llama.cpp's
    meta: msgspec.Raw = _ABSENT

    @property
    def window(self) -> int | None:
        """Tokens of the context window."""
        sizes = (self.max_model_len, self.context_length, self.context_window, self.max_context_length)
        for raw in sizes:
            if (size := _size(raw)) is not None:
                return size
        meta = bytes(self.meta)
        if meta[:1] == b"{":
            with suppress(DecodeError):
                return _size(decode_json(meta, _Meta).n_ctx)
        return None


class _ModelList(msgspec.Struct):
    data: msgspec.Raw


def parse_models(body: bytes) -> list[ModelInfo] | None:
    """Parse the answer of `GET /models`; return `None` if it is not a list of models, or exceeds the limits.

    Entries that are not models are left out.
    """
    try:
        listed = _entries(bytes(decode_json(body, _ModelList).data))
    except DecodeError:
        return None
    entries: dict[str, _Model] = {}
    for entry in listed:
        if entry is not None and (name := _name(entry.id)):
            entries.setdefault(name, entry)
    models = []
    for name, entry in entries.items():
        parent = _name(entry.parent)
        parent = parent if parent != name else None
        # An adapter has the window of its model.
        window = entry.window or (entries[parent].window if parent is not None and parent in entries else None)
        models.append(ModelInfo(name=name, window=window, parent=parent))
    return models


def _entries(data: bytes) -> Sequence[_Model | None]:
    """Return the entries of a list.

    Raises:
        DecodeError: it is not a list, or has too many.
    """
    # Counted before they are decoded, as each takes many times its size.
    if data.count(b"{") > limits.MODEL_LIST_OBJECTS:
        raise DecodeError("it has too many objects")
    try:
        return decode_json(data, list[_Model | None])
    except DecodeError:
        if data.count(b",") > limits.MIXED_LIST_COMMAS:
            raise
    entries = []
    for raw in decode_json(data, list[msgspec.Raw]):
        if (entry := bytes(raw))[:1] == b"{":
            with suppress(DecodeError):
                entries.append(decode_json(entry, _Model))
    return entries


class _TokenizerAnswer(msgspec.Struct):
    """The answer of `POST /tokenize`."""

    #: vLLM's
    count: int | None = None
    #: The only field in llama.cpp's answer.
    tokens: msgspec.Raw = _ABSENT


class _Template(msgspec.Struct):
    # Optional: a value of `null` must not lead to a search in the other fields.
    prompt: str | None = None


def parse_token_count(body: bytes) -> int | None:
    """Parse the answer of `POST /tokenize`, vLLM's or llama.cpp's; return `None` if it has no count."""
    try:
        answer = decode_json(body, _TokenizerAnswer, dense=True)
        count = answer.count if answer.count is not None else _length(bytes(answer.tokens))
    except DecodeError:
        return None
    return count if 0 < count <= limits.TOKEN_COUNT else None


def _length(tokens: bytes) -> int:
    """Return the number of tokens in a list.

    Raises:
        DecodeError: it is not a list, or is too long for one of objects.
    """
    numbers = tokens.translate(None, b" \t\r\n")
    if numbers.translate(None, b"0123456789-,") == b"[]":
        # In JSON, the last one has no comma after it.
        return numbers.count(b",") + 1 if len(numbers) > 2 else 0
    if len(tokens) > limits.TOKEN_OBJECTS:
        raise DecodeError("it is too long")
    return len(decode_json(tokens, list[msgspec.Raw], dense=True))


def parse_template(body: bytes) -> str | None:
    """Parse the answer of llama.cpp's `POST /apply-template`: a conversation as the model receives it."""
    try:
        return decode_json(body, _Template).prompt
    except DecodeError:
        return None


def _size(raw: msgspec.Raw) -> int | None:
    """Return a number of tokens; `None` for anything else."""
    data = bytes(raw)
    size = int(data) if len(data) <= _MAX_DIGITS and data.isdigit() else 0
    return size if 0 < size <= limits.TOKEN_COUNT else None


def _name(raw: msgspec.Raw) -> str | None:
    """Return a model's name; `None` for a name that cannot be sent in a request."""
    data = bytes(raw)
    if data[:1] != b'"' or len(data) > _LONGEST_NAME:
        return None
    with suppress(DecodeError):
        name = decode_json(data, str)
        return name if 0 < len(name) <= limits.SHOWN_NAME else None
    return None
