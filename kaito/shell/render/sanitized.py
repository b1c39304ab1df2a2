"""Removes control sequences from the values that a formatter receives: deltas, requests, replies, failures."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from kaito.types import ChatRequest, Delta, Failure, Message, Reply, ToolCall
from kaito.util.sanitize import Sanitizer, sanitize


class DeltaSanitizer:
    """Removes control sequences from the pieces of one answer, also those that are split between pieces."""

    def __init__(self) -> None:
        self._content = Sanitizer()
        self._reasoning = Sanitizer()

    def feed(self, delta: Delta) -> Delta:
        """Return the next piece, the same object if it is harmless."""
        content, reasoning = self._content.feed(delta.content), self._reasoning.feed(delta.reasoning)
        if content is not delta.content or reasoning is not delta.reasoning:
            delta = replace(delta, content=content, reasoning=reasoning)
        if delta.tool_calls:
            delta = replace(delta, tool_calls=_calls(delta.tool_calls))
        # Short texts of the server, whole in one piece.
        if delta.model or delta.finish_reason:
            model, reason = _optional(delta.model), _optional(delta.finish_reason)
            if model is not delta.model or reason is not delta.finish_reason:
                delta = replace(delta, model=model, finish_reason=reason)
        return delta


def sanitized_reply(reply: Reply) -> Reply:
    """Return a reply without control sequences."""
    return replace(
        reply,
        content=sanitize(reply.content),
        reasoning=sanitize(reply.reasoning),
        tool_calls=_calls(reply.tool_calls),
        parsed=_parsed(reply.parsed),
        model=_optional(reply.model),
        finish_reason=_optional(reply.finish_reason),
    )


def sanitized_failure(failure: Failure) -> Failure:
    """Return a failure without control sequences."""
    return replace(
        failure,
        message=sanitize(failure.message),
        hints=tuple(map(sanitize, failure.hints)),
        reply=failure.reply and sanitized_reply(failure.reply),
    )


class RequestSanitizer:
    """Removes control sequences from the messages of requests, each of which repeats those of the one before."""

    def __init__(self) -> None:
        #: The messages of the last request with their sanitized forms, by identity, so that each is sanitized once.
        self._known: dict[int, tuple[Message, Message]] = {}

    def sanitized(self, request: ChatRequest) -> ChatRequest:
        """Return a request, the same object if it is harmless."""
        before, self._known = self._known, {}
        for message in request.messages:
            known = before.get(id(message))
            self._known[id(message)] = known if known is not None else (message, _message(message))
        messages = tuple(self._known[id(message)][1] for message in request.messages)
        if all(new is old for new, old in zip(messages, request.messages, strict=True)):
            return request
        return request.replace(messages=messages)


def _message(message: Message) -> Message:
    content = sanitize(message.content)
    if content is message.content and not (message.images or message.tool_calls or message.tool_call_id):
        return message
    return message.replace(
        content=content,
        images=tuple(replace(image, name=sanitize(image.name)) for image in message.images),
        tool_calls=_calls(message.tool_calls),
        tool_call_id=_optional(message.tool_call_id),
    )


def _calls(calls: Iterable[ToolCall]) -> tuple[ToolCall, ...]:
    return tuple(
        ToolCall(id=sanitize(call.id), name=sanitize(call.name), arguments=sanitize(call.arguments)) for call in calls
    )


def _parsed(value: Any) -> Any:
    try:
        return _value(value)
    except RecursionError:  # it is nested too deeply to be shown anyway
        return UNSET


def _value(value: Any) -> Any:
    if isinstance(value, str):
        return sanitize(value)
    if isinstance(value, list):
        return [_value(item) for item in value]
    if isinstance(value, dict):
        return {sanitize(key): _value(item) for key, item in value.items()}
    return value


def _optional(text: str | None) -> str | None:
    return text and sanitize(text)
