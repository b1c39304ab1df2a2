"""Values that people give, as flags and as settings of a session: read, checked, and refused with what is allowed.

Each reader is made for a name, which stands before what is wrong: that of a flag or of a setting.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from kaito.errors import UsageError

#: What brings a setting back to what it was at the start.
DEFAULT = "default"
#: Sequences that end an answer, at most, as OpenAI's API has it.
MOST_STOPS = 4


def refused(name: str, value: str, allowed: str) -> UsageError:
    """Return the error of a value that is not allowed."""
    return UsageError(f"{name}: '{value}' is not {allowed}")


def number(name: str, low: float, high: float) -> Callable[[str], float]:
    """Return a reader of numbers from `low` to `high`."""

    def read(value: str) -> float:
        try:
            read = float(value)
        except ValueError:
            read = math.nan
        # NaN compares false, infinity is over any limit.
        if not low <= read <= high or not value.isascii() or "_" in value:
            raise refused(name, value, f"a number from {low} to {high}")
        return read

    return read


def whole(name: str, low: int, high: int) -> Callable[[str], int]:
    """Return a reader of whole numbers from `low` to `high`."""

    def read(value: str) -> int:
        if not re.fullmatch(r"[+-]?[0-9]{1,20}", value) or not low <= int(value) <= high:
            raise refused(name, value, f"a whole number from {low} to {high}")
        return int(value)

    return read


def one_of(name: str, allowed: Sequence[str]) -> Callable[[str], str]:
    """Return a reader of words."""

    def read(value: str) -> str:
        if value not in allowed:
            raise refused(name, value, f"one of {', '.join(allowed)}")
        return value

    return read


def switch(name: str) -> Callable[[str], bool]:
    """Return a reader of `on` and `off`."""

    def read(value: str) -> bool:
        if value.lower() not in ("on", "off"):
            raise refused(name, value, "on or off")
        return value.lower() == "on"

    return read


# The ranges of what goes into a request.


def count(name: str) -> Callable[[str], int]:
    """Return a reader of whole numbers from 1 on: tokens, for example."""
    return whole(name, 1, 2**31 - 1)


def temperature(name: str) -> Callable[[str], float]:
    """Return a reader of temperatures."""
    return number(name, 0.0, 2.0)


def share(name: str) -> Callable[[str], float]:
    """Return a reader of parts of 1: top-p and min-p."""
    return number(name, 0.0, 1.0)


def penalty(name: str) -> Callable[[str], float]:
    """Return a reader of penalties: presence and frequency."""
    return number(name, -2.0, 2.0)


def seed(name: str) -> Callable[[str], int]:
    """Return a reader of seeds: what fits 64 bits."""
    return whole(name, -(2**63), 2**63 - 1)


def top_k(name: str) -> Callable[[str], int]:
    """Return a reader of how many tokens are considered; -1 and 0 mean all."""
    return whole(name, -1, 2**31 - 1)


def stops(name: str) -> Callable[[str], list[str] | None]:
    """Return a reader of the sequences that end an answer: text as it stands, a JSON string, or a list of those.

    The bare word `none` is none of them, as for the system prompt.
    """

    def read(value: str) -> list[str] | None:
        if value == "none":
            return None
        given: Any = value
        if value.startswith(("[", '"')):
            try:
                given = msgspec.json.decode(value)
            except (msgspec.MsgspecError, RecursionError):
                given = None
        sequences = given if isinstance(given, list) else [given]
        if not 1 <= len(sequences) <= MOST_STOPS or not all(isinstance(one, str) and one for one in sequences):
            raise refused(name, value, f'text, or 1 to {MOST_STOPS} texts as JSON: "\\n", ["END", "\\n\\n"]')
        return sequences

    return read
