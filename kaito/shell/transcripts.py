"""Conversations in files: OpenAI's messages, as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from kaito.errors import KaitoError
from kaito.files import UnreadableError, read_text, write_whole
from kaito.types import Message

#: Bytes that a file may have.
LARGEST = 16 * 1024 * 1024

_ROLES = ("system", "user", "assistant")


class _Part(msgspec.Struct, tag_field="type", tag="text"):
    text: str


class _Entry(msgspec.Struct):
    """A message as other programs write it; what they have besides is left out."""

    role: str
    content: str | list[_Part]


class _Wrapped(msgspec.Struct):
    """A request, or what else has the messages within."""

    messages: list[_Entry]


def read_conversation(path: Path) -> list[Message]:
    """Return the messages of a file: a list of them, or an object with `messages`.

    Raises:
        KaitoError: it cannot be read, or holds no conversation of text.
    """
    try:
        text = read_text(path, LARGEST)
    except UnreadableError as exc:
        raise KaitoError(f"Cannot read '{path}': {exc}") from None
    try:
        if text.lstrip().startswith("{"):
            entries = msgspec.json.decode(text, type=_Wrapped).messages
        else:
            entries = msgspec.json.decode(text, type=list[_Entry])
    except (msgspec.MsgspecError, RecursionError) as exc:
        raise KaitoError(f"'{path}' holds no conversation: {exc}", _WANTED) from None
    messages = [_message(entry, path) for entry in entries]
    turns = messages[1:] if messages and messages[0].role == "system" else messages
    for number, message in enumerate(turns):
        if message.role != _ROLES[1 + number % 2]:
            place = number + 1 + len(messages) - len(turns)
            raise KaitoError(f"'{path}': message {place} is the {message.role}'s and out of turn", _WANTED)
    if len(turns) % 2:
        raise KaitoError(f"'{path}': the last message has no answer", _WANTED)
    return messages


_WANTED = "A JSON list of messages is wanted: a system prompt, if any, then user and assistant in turn"


def _message(entry: _Entry, path: Path) -> Message:
    role = "system" if entry.role == "developer" else entry.role
    content = entry.content if isinstance(entry.content, str) else "".join(part.text for part in entry.content)
    for known in ("system", "user", "assistant"):
        if role == known:
            return Message(known, content)
    raise KaitoError(f"'{path}': a message is of the role '{role}'", _WANTED)


def write_conversation(path: Path, messages: Sequence[Message]) -> None:
    """Write messages to a file, readable by its user alone, in place of a conversation that it may hold.

    Raises:
        KaitoError: it cannot be written, or what is there is something else.
    """
    try:
        _check_replaceable(path)
        content = msgspec.json.format(msgspec.json.encode(list(messages)), indent=2)
        write_whole(path, content + b"\n")
    except (OSError, ValueError) as exc:
        raise KaitoError(f"Cannot write '{path}': {getattr(exc, 'strerror', None) or exc}") from None


def _check_replaceable(path: Path) -> None:
    # What was made just now, by mktemp for example, holds nothing to lose.
    if not path.exists() or (path.is_file() and path.stat().st_size == 0):
        return
    try:
        read_conversation(path)
    except KaitoError as exc:
        raise KaitoError(f"'{path}' exists and is not replaced: it is no conversation", exc.message) from None
