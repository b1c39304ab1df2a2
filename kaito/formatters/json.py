"""Formatter `json`: one JSON object per answer, on one line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from msgspec import UNSET
from msgspec.structs import asdict

from kaito.hookspecs import Formatter, hookimpl
from kaito.settings import Settings
from kaito.toolkit import UNSAFE
from kaito.types import Delta, Reply, Screen


class Json(Formatter):
    """Formats an answer as one JSON object: text, calls of tools, model, usage, finish reason, timings."""

    name = "json"
    #: JSON escapes make any text safe, without loss.
    unsanitized = True
    #: The program that reads it expects nothing else.
    exclusive_stdout = True
    waits_for_end = True

    def __init__(self, screen: Screen, settings: Settings) -> None:
        self._ascii = not screen.unicode

    def feed(self, delta: Delta) -> str:
        """Return nothing: the object is written when the answer ends."""
        return ""

    def finish(self, reply: Reply) -> str:
        """Return the object. `finish_reason` is null when the answer was cut or interrupted."""
        if reply.finish_reason is None and not reply.content:
            return ""
        answer: dict[str, Any] = {
            "text": reply.content,
            **({} if reply.parsed is UNSET else {"parsed": reply.parsed}),
            **({"tool_calls": [asdict(call) for call in reply.tool_calls]} if reply.tool_calls else {}),
            "reasoning": reply.reasoning or None,
            "model": reply.model,
            "finish_reason": reply.finish_reason,
            "usage": asdict(reply.usage) if reply.usage else None,
            "timings": {"first_token_s": _rounded(reply.first_token_s), "total_s": _rounded(reply.total_s)},
        }
        if answer["reasoning"] is None:
            del answer["reasoning"]
        return UNSAFE.sub(_escaped, json.dumps(answer, ensure_ascii=self._ascii)) + "\n"


def _escaped(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 6)


@hookimpl
def kaito_formatters() -> Iterable[type[Formatter]]:
    """Return `json`."""
    return [Json]
