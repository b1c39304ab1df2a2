"""A conversation to export: its messages, and what is known about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from kaito.types import Message
from kaito.types.conversations import ConversationInfo

#: The headings of messages, by their roles.
SPEAKERS: Mapping[str, str] = {
    "system": "System prompt",
    "user": "You",
    "assistant": "Assistant",
    "tool": "Tool result",
}


class Export(Struct, frozen=True, kw_only=True):
    """A conversation to export."""

    messages: Sequence[Message]
    title: str = "Conversation"
    #: The identifier in the history; `None` when it is not kept.
    id: str | None = None
    #: Names and values, such as the model, in the order in which they are shown.
    details: tuple[tuple[str, str], ...] = ()
    #: The conversation's metadata in the history; `None` if it is not from there.
    info: ConversationInfo | None = None

    @property
    def mark(self) -> str:
        """The text by which a file is recognised as an export of this conversation, and may be replaced; or `""`."""
        return f"Conversation: {self.id}" if self.id is not None else ""


def export_of(info: ConversationInfo, messages: Sequence[Message]) -> Export:
    """Return the export of a conversation of the history."""
    origin = info.origin
    details = [("With", origin.shown)]
    details += [("Model", origin.model)] if origin.model else []
    details += [("Date", shown_time(info.updated))]
    return Export(messages=messages, title=info.title, id=info.id, details=tuple(details), info=info)


def shown_time(seconds: float) -> str:
    """Return a time, in seconds since 1970, in the local zone; `unknown` if it is out of range."""
    try:
        return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M %Z").strip()
    except (OSError, OverflowError, ValueError):
        return "unknown"
