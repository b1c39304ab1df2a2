"""Formatter `json`: one JSON object per answer or failure, on one line."""

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
from kaito.types import Delta, Failure, Reply, Screen


class Json(Formatter):
    """Formats an answer as one JSON object: line, text, calls of tools, model, usage, finish reason, timings.

    A failure has an object, too, whose text is null: each message of a script gets one object.
    """

    name = "json"
    #: JSON escapes make any text safe, without loss.
    unsanitized = True
    #: The program that reads the output expects nothing but JSON.
    exclusive_stdout = True
    waits_for_end = True

    def __init__(self, screen: Screen, settings: Settings) -> None:
        self._ascii = not screen.unicode

    def feed(self, delta: Delta) -> str:
        """Return nothing: the object is written when the answer ends."""
        return ""

    def finish(self, reply: Reply) -> str:
        """Return the object. `finish_reason` is null when the answer was interrupted."""
        if reply.finish_reason is None and not reply.content:
            return ""
        answer: dict[str, Any] = {
            **_line(reply.line),
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
        return self._row(answer)

    def fail(self, failure: Failure) -> str:
        """Return the object of a failure. `received` is the part of the answer that arrived, if any."""
        received = failure.reply.content if failure.reply is not None else ""
        return self._row(
            {
                **_line(failure.line),
                "text": None,
                **({"received": received} if received else {}),
                "error": {
                    "message": failure.message,
                    "hints": list(failure.hints),
                    "exit_code": failure.exit_code,
                },
            }
        )

    def _row(self, data: dict[str, Any]) -> str:
        return UNSAFE.sub(_escaped, json.dumps(data, ensure_ascii=self._ascii)) + "\n"


def _line(line: int | None) -> dict[str, int]:
    return {} if line is None else {"line": line}


def _escaped(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 6)


@hookimpl
def kaito_formatters() -> Iterable[type[Formatter]]:
    """Return `json`."""
    return [Json]
