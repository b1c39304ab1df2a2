"""What the finish reasons of servers mean.

Besides OpenAI's, these are those of vLLM, SGLang, llama.cpp, text-generation-inference, Anthropic, Google and LiteLLM.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Any


class Ending(Enum):
    """How an answer ended."""

    #: The model ended it.
    COMPLETE = auto()
    #: It reached the token limit or the end of the context window.
    LENGTH = auto()
    #: A content filter cut it.
    FILTERED = auto()
    #: The model calls a tool and waits for the result.
    TOOL = auto()
    #: The server ended it early, or sent an unknown reason.
    BROKEN = auto()


_ENDINGS = {
    **dict.fromkeys(
        ("stop", "eos", "eos_token", "end", "end_turn", "end_of_text", "stop_sequence", "stop_token", "stop_word"),
        Ending.COMPLETE,
    ),
    **dict.fromkeys(("stopped", "complete", "completed", "finished", "done", "matched_stop"), Ending.COMPLETE),
    **dict.fromkeys(
        (
            "length",
            "max_tokens",
            "max_new_tokens",
            "max_output_tokens",
            "model_length",
            "model_context_window_exceeded",
        ),
        Ending.LENGTH,
    ),
    **dict.fromkeys(
        ("content_filter", "content_filtered", "safety", "refusal", "recitation", "prohibited_content", "blocklist"),
        Ending.FILTERED,
    ),
    **dict.fromkeys(("tool_calls", "tool_call", "tool_use", "function_call"), Ending.TOOL),
}

#: Values that mean "no reason yet", which some servers send in place of null.
_NONE = ("", "null", "none")


def ending_of(reason: str) -> Ending:
    """Return what a finish reason means."""
    if reason == "stop":  # nearly every answer
        return Ending.COMPLETE
    return _ENDINGS.get(reason.strip().lower().replace("-", "_"), Ending.BROKEN)


def finish_reason(value: Any) -> str | None:
    """Return the finish reason that a choice has: a string, or an object with a `type`, as SGLang's engine sends it.

    The string "null" is null.
    """
    if value == "stop":
        return "stop"
    if isinstance(value, dict):
        value = value.get("type")
    if not isinstance(value, str) or value.strip().lower() in _NONE:
        return None
    return value
