"""Reads and writes conversations as JSON files with OpenAI's messages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from kaito.errors import KaitoError
from kaito.types import Message
from kaito.util import limits
from kaito.util.decoding import DecodeError, decode_json
from kaito.util.safe_files import UnreadableError, read_text, replace_file

#: The most bytes of a file.
LARGEST = 16 * 1024 * 1024

_ROLES = ("system", "user", "assistant")


class _Part(msgspec.Struct, tag_field="type", tag="text"):
    text: str


class _Entry(msgspec.Struct):
    """A message as other programs write it; their further fields are ignored."""

    role: str
    content: str | list[_Part]


class _Wrapped(msgspec.Struct):
    """A request or another object that contains the messages."""

    messages: list[_Entry]


def read_conversation(path: Path) -> list[Message]:
    """Return the messages of a file: a list of them, or an object with `messages`.

    Raises:
        KaitoError: it cannot be read, or is not a conversation of text.
    """
    try:
        text = read_text(path, LARGEST)
    except UnreadableError as exc:
        raise KaitoError(f"Cannot read '{path}': {exc}") from None
    try:
        if text.lstrip().startswith("{"):
            entries = decode_json(text, _Wrapped).messages
        else:
            entries = decode_json(text, list[_Entry])
    except DecodeError as exc:
        raise KaitoError(f"'{path}' is not a conversation: {exc}", _WANTED) from None
    messages = [_message(entry, path) for entry in entries]
    turns = messages[1:] if messages and messages[0].role == "system" else messages
    for number, message in enumerate(turns):
        if message.role != _ROLES[1 + number % 2]:
            place = number + 1 + len(messages) - len(turns)
            raise KaitoError(
                f"'{path}': message {place} is the {message.role}'s: user and assistant must alternate", _WANTED
            )
    if len(turns) % 2:
        raise KaitoError(f"'{path}': the last message has no answer", _WANTED)
    return messages


_WANTED = "Expected a JSON list of messages: an optional system prompt, then user and assistant in turn"


def _message(entry: _Entry, path: Path) -> Message:
    role = "system" if entry.role == "developer" else entry.role
    content = entry.content if isinstance(entry.content, str) else "".join(part.text for part in entry.content)
    for known in ("system", "user", "assistant"):
        if role == known:
            return Message(known, content)
    raise KaitoError(f"'{path}': a message has the role '{role[: limits.SHOWN_NAME]}'", _WANTED)


def write_conversation(path: Path, messages: Sequence[Message], *, force: bool = False) -> None:
    """Write messages to a file, readable by its user alone.

    Args:
        path: an existing file is replaced if nothing is lost: it is empty, or the beginning of this conversation.

    Raises:
        KaitoError: the file cannot be written, or an existing one is not replaced.
    """
    try:
        # A device or a folder is never replaced; an empty file, as mktemp makes, has nothing to lose.
        if path.exists() and not (path.is_file() and (force or path.stat().st_size == 0)):
            _check_replaceable(path, messages)
        content = msgspec.json.format(msgspec.json.encode(list(messages)), indent=2)
        replace_file(path, content + b"\n")
    except (OSError, ValueError) as exc:
        raise KaitoError(f"Cannot write '{path}': {getattr(exc, 'strerror', None) or exc}") from None


def _check_replaceable(path: Path, messages: Sequence[Message]) -> None:
    if not path.is_file():
        raise KaitoError(f"'{path}' exists and is not replaced: not a regular file")
    try:
        before = read_conversation(path)
    except KaitoError as exc:
        raise KaitoError(f"'{path}' exists and is not replaced: not a conversation", exc.message, _FORCE) from None
    if before != list(messages[: len(before)]):
        raise KaitoError(
            f"'{path}' exists and is not replaced: it contains another conversation, or more of this one", _FORCE
        )


_FORCE = "'/save --force FILE' replaces it"
