"""The events of an answer, in the exact bytes of vLLM."""

from __future__ import annotations

import json
from collections.abc import Iterator

MODEL = "meta-llama/Llama-3.1-8B-Instruct"

_WORDS = ("The", "quick", "brown", "fox", "jumps", "over", "the", "lazy", "dog", "while", "boxing", "wizards", "watch")
_FRAME = {
    "id": "chatcmpl-7f3a9c51d2e84b06a1c7d9e0f2b4a685",
    "object": "chat.completion.chunk",
    "created": 1750000000,
    "model": MODEL,
}


def words(count: int) -> Iterator[str]:
    """Yield the words of an answer, with their leading blanks."""
    for number in range(count):
        yield f" {_WORDS[number % len(_WORDS)]}"


def payloads(count: int) -> Iterator[bytes]:
    """Yield the JSON of the events of an answer with `count` words, one in each event."""
    yield _chunk({"role": "assistant", "content": ""}, None)
    for word in words(count):
        yield _chunk({"content": word}, None)
    yield _chunk({"content": ""}, "stop")


def completion(count: int) -> bytes:
    """Return the JSON of an answer that is not streamed."""
    message = {"role": "assistant", "content": "".join(words(count)), "tool_calls": []}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop", "stop_reason": None}
    usage = {"prompt_tokens": 20, "total_tokens": 20 + count, "completion_tokens": count, "prompt_tokens_details": None}
    frame = {**_FRAME, "object": "chat.completion"}
    return json.dumps({**frame, "choices": [choice], "usage": usage}, separators=(",", ":")).encode()


def _chunk(delta: dict[str, str], finish_reason: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return json.dumps({**_FRAME, "choices": [choice]}, separators=(",", ":")).encode()
