"""Writes messages in the format of OpenAI's API: images as parts of the content, calls of tools as functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kaito.types import Message


def request_messages(messages: Sequence[Message]) -> Sequence[Message | dict[str, Any]]:
    """Return messages for the body of a request. Those of text alone are encoded as they are.

    The calls of tools that have no results are sent as text, as they are shown. OpenAI's API refuses a call without
    its result, strict templates refuse a turn without an assistant's message, and vLLM refuses arguments that are not
    JSON. The model still sees what it wanted to call.
    """
    # True of nearly all conversations, and fast: it delays the first token.
    if not any(message.images or message.tool_calls or message.tool_call_id is not None for message in messages):
        return messages
    return [
        request_message(message, with_calls=_has_results(message, messages[place + 1 :]))
        for place, message in enumerate(messages)
    ]


def request_message(message: Message, *, with_calls: bool = True) -> Message | dict[str, Any]:
    """Return one message.

    Args:
        with_calls: whether calls of tools are sent as such, rather than as text.
    """
    if message.images:
        # Images come first: with some models, only the words after an image can refer to it.
        images = [{"type": "image_url", "image_url": {"url": image.url}} for image in message.images]
        texts = [{"type": "text", "text": message.content}] if message.content else []
        return {"role": message.role, "content": [*images, *texts]}
    if message.tool_calls and with_calls:
        calls = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments or "{}"}}
            for call in message.tool_calls
        ]
        return {"role": message.role, "content": message.content or None, "tool_calls": calls}
    if message.tool_calls:
        return Message(message.role, message.shown)
    return message


def _has_results(message: Message, following: Sequence[Message]) -> bool:
    """Return whether the messages after the calls of tools are their results."""
    missing = {call.id for call in message.tool_calls}
    for result in following:
        if result.role != "tool" or not missing:
            break
        missing.discard(result.tool_call_id or "")
    return not missing
