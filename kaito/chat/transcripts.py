"""Reads and writes conversations as JSON files with OpenAI's messages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from kaito.chat.turn import OrderError, divided
from kaito.errors import KaitoError, ShellHint
from kaito.openai.request_messages import request_message
from kaito.types import Image, Message, Role, ToolCall
from kaito.util import limits
from kaito.util.decoding import DecodeError, decode_json
from kaito.util.safe_files import UnreadableError, read_text, replace_file

_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}


class _Text(msgspec.Struct, tag_field="type", tag="text"):
    text: str


class _ImageUrl(msgspec.Struct):
    url: str


class _ImagePart(msgspec.Struct, tag_field="type", tag="image_url"):
    image_url: _ImageUrl
    #: Only in files that /save wrote: OpenAI's parts have no name.
    name: str = ""


class _Function(msgspec.Struct):
    name: str
    arguments: str = ""


class _Call(msgspec.Struct):
    function: _Function
    id: str = ""


class _Entry(msgspec.Struct):
    """A message as other programs write it; their further fields are ignored."""

    role: str
    #: `None` only in a message with calls of tools.
    content: str | list[_Text | _ImagePart] | None = None
    tool_calls: list[_Call] | None = None
    tool_call_id: str | None = None


class _Wrapped(msgspec.Struct):
    """A request or another object that contains the messages."""

    messages: list[_Entry]


def read_conversation(path: Path) -> list[Message]:
    """Return the messages of a file: a list of them, or an object with `messages`.

    Raises:
        KaitoError: it cannot be read, or is not a conversation.
    """
    try:
        text = read_text(path, limits.CONVERSATION)
    except UnreadableError as exc:
        raise KaitoError(f"Cannot read '{path}': {exc}") from None
    try:
        if text.lstrip().startswith("{"):
            entries = decode_json(text, _Wrapped).messages
        else:
            entries = decode_json(text, list[_Entry])
    except DecodeError as exc:
        raise KaitoError(f"'{path}' is not a conversation: {exc}", _WANTED) from None
    messages = [_message(entry, path, number) for number, entry in enumerate(entries, 1)]
    system = len(messages) > 0 and messages[0].role == "system"
    try:
        divided(messages[system:])
    except OrderError as exc:
        place = exc.place + system
        if place == len(messages):
            raise KaitoError(f"'{path}': the last message has no answer", _WANTED) from None
        raise KaitoError(
            f"'{path}': message {place + 1} is the {messages[place].role}'s: user and assistant must alternate", _WANTED
        ) from None
    return messages


_WANTED = "Expected a JSON list of messages: an optional system prompt, then user and assistant in turn"


def _message(entry: _Entry, path: Path, number: int) -> Message:
    role = _ROLES.get(entry.role)
    if role is None:
        raise KaitoError(f"'{path}': a message has the role '{entry.role[: limits.SHOWN_NAME]}'", _WANTED)
    calls = tuple(ToolCall(call.id, call.function.name, call.function.arguments) for call in entry.tool_calls or ())
    if entry.content is None and not calls:
        raise KaitoError(f"'{path}' is not a conversation: message {number} has no content", _WANTED)
    parts = [_Text(entry.content)] if isinstance(entry.content, str) else entry.content or []
    try:
        images = [
            Image.from_url(part.image_url.url, part.name[: limits.SHOWN_NAME])
            for part in parts
            if isinstance(part, _ImagePart)
        ]
    except ValueError as exc:
        raise KaitoError(f"'{path}': message {number} has an image that cannot be sent: {exc}", _WANTED) from None
    text = "".join(part.text for part in parts if isinstance(part, _Text))
    return Message(role, text, tuple(images), calls, entry.tool_call_id)


def write_conversation(path: Path, messages: Sequence[Message], *, force: bool = False) -> None:
    """Write messages to a file, readable by its user alone.

    Args:
        path: an existing file is replaced if nothing is lost: it is empty, or the beginning of this conversation.
        force: replace any regular file.

    Raises:
        KaitoError: the file cannot be written, or an existing one is not replaced.
    """
    try:
        # A device or a folder is never replaced; an empty file, as mktemp makes, has nothing to lose.
        if path.exists() and not (path.is_file() and (force or path.stat().st_size == 0)):
            _check_replaceable(path, messages)
        content = msgspec.json.format(msgspec.json.encode([written_message(message) for message in messages]), indent=2)
        if len(content) >= limits.CONVERSATION:
            raise ValueError(f"it would be larger than {limits.shown_size(limits.CONVERSATION)}")
        replace_file(path, content + b"\n")
    except (OSError, ValueError) as exc:
        raise KaitoError(f"Cannot write '{path}': {getattr(exc, 'strerror', None) or exc}") from None


def written_message(message: Message) -> Message | dict[str, Any]:
    """Return a message in OpenAI's form; the parts with images also have the names of the files."""
    written = request_message(message)
    if isinstance(written, dict) and message.images:
        # The images are the first parts.
        for part, image in zip(written["content"], message.images, strict=False):
            part.update({"name": image.name} if image.name else {})
    return written


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


_FORCE = ShellHint("'/save --force FILE' replaces it", "With --force before the name, it is replaced")
