"""One record of a transcript: a message, its answer, and how the answer ended."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from kaito import ToolCall

_Seconds = Annotated[float, Meta(ge=0, le=1e9)]
_Count = Annotated[int, Meta(ge=0, le=2**53)]


class Timings(Struct, frozen=True, kw_only=True):
    """Seconds since the request was sent."""

    first_token_s: _Seconds | None
    total_s: _Seconds


class Tokens(Struct, frozen=True, kw_only=True):
    """The token count of the server."""

    prompt_tokens: _Count = 0
    completion_tokens: _Count = 0
    cached_tokens: _Count | None = None


class Record(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line of the file. Fields that have their default are left out."""

    id: str
    #: When the answer was complete, in UTC.
    time: str
    conversation: str
    #: Counted from 1 in each conversation.
    turn: int
    #: The record of the answer that this one repeats with its continuation.
    replaces: str | None = None
    #: The workspace, or the host of `--endpoint`; `None` for a backend that needs neither.
    target: str | None
    model: str | None
    #: The system prompt, in the first record that has it.
    system: str | None = None
    question: str
    #: The names of the images; the images themselves are not kept.
    images: tuple[str, ...] = ()
    answer: str
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    outcome: str
    finish_reason: str | None
    usage: Tokens | None
    timings: Timings
    #: The sampling parameters that were sent.
    parameters: dict[str, Any]


class Counted(Struct, frozen=True, kw_only=True):
    """The fields of a record that the totals need. Other programs may have written it."""

    model: str | None = None
    replaces: str | None = None
    usage: Tokens | None = None
    timings: Timings | None = None
