"""Checks the types of messages that plugins and programs pass: a wrong one would fail later, and seem to be our bug."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kaito.types.images import Image
from kaito.types.messages import Message, ToolCall


def checked_messages(messages: Iterable[Any]) -> tuple[Message, ...]:
    """Return messages as a tuple.

    Raises:
        TypeError: one of them is not a message, or a field has the wrong type.
    """
    checked = tuple(messages)
    for message in checked:
        if not isinstance(message, Message):
            raise TypeError(f"a message must be a kaito.Message, not {type(message).__name__}")
        for name in ("role", "content"):
            if not isinstance(value := getattr(message, name), str):
                raise TypeError(f"the {name} of a message must be text, not {type(value).__name__}")
        if message.images:
            checked_images(message.images)
        for call in message.tool_calls:
            if not isinstance(call, ToolCall):
                raise TypeError(f"a call of a tool must be a kaito.ToolCall, not {type(call).__name__}")
    return checked


def checked_images(images: Iterable[Any]) -> tuple[Image, ...]:
    """Return images as a tuple.

    Raises:
        TypeError: one of them is something else.
    """
    checked = tuple(images)
    for image in checked:
        if not isinstance(image, Image):
            raise TypeError(f"an image must be a kaito.Image, not {type(image).__name__}")
    return checked
