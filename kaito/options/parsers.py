"""Parsers of option values, for flags and for `/set`.

Each function takes the name to show in errors (a flag or a setting) and returns a parser, which raises `UsageError` for
a value that is not allowed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import msgspec

from kaito.errors import UsageError

#: As the value of `/set NAME`, restores the value from the start of the session.
DEFAULT = "default"
#: The most stop sequences that OpenAI's API takes.
MOST_STOPS = 4


def refused(name: str, value: str, allowed: str) -> UsageError:
    """Return the error for a value that is not allowed."""
    return UsageError(f"{name}: '{value}' is not {allowed}")


def number(name: str, low: float, high: float) -> Callable[[str], float]:
    """Return a parser of numbers from `low` to `high`."""

    def parse(value: str) -> float:
        try:
            parsed = float(value)
        except ValueError:
            parsed = math.nan
        # Comparisons with NaN are false, and infinity is above any limit.
        if not low <= parsed <= high or not value.isascii() or "_" in value:
            raise refused(name, value, f"a number from {low} to {high}")
        return parsed

    return parse


def whole(name: str, low: int, high: int) -> Callable[[str], int]:
    """Return a parser of whole numbers from `low` to `high`."""

    def parse(value: str) -> int:
        if not re.fullmatch(r"[+-]?[0-9]{1,20}", value) or not low <= int(value) <= high:
            raise refused(name, value, f"a whole number from {low} to {high}")
        return int(value)

    return parse


def one_of(*allowed: str) -> Callable[[str], Callable[[str], str]]:
    """Return a factory of parsers that accept only these words."""

    def named(name: str) -> Callable[[str], str]:
        def parse(value: str) -> str:
            if value not in allowed:
                raise refused(name, value, f"one of {', '.join(allowed)}")
            return value

        return parse

    return named


def on_or_off(word: str) -> bool | None:
    """Return whether a word turns a switch on or off, such as `on`, `true`, `yes` or `1`; `None` for any other word."""
    word = word.strip().lower()
    return True if word in _ON else False if word in _OFF else None


#: The same for flags, variables and `/set`.
_ON, _OFF = ("on", "true", "yes", "1"), ("off", "false", "no", "0")


def switch(name: str) -> Callable[[str], bool]:
    """Return a parser of `on` and `off`, in any of their spellings."""

    def parse(value: str) -> bool:
        if (on := on_or_off(value)) is None:
            raise refused(name, value, "on or off")
        return on

    return parse


# The ranges of the request's fields.


def count(name: str) -> Callable[[str], int]:
    """Return a parser of counts that begin at 1, such as a number of tokens."""
    return whole(name, 1, 2**31 - 1)


def temperature(name: str) -> Callable[[str], float]:
    """Return a parser of temperatures."""
    return number(name, 0.0, 2.0)


def share(name: str) -> Callable[[str], float]:
    """Return a parser of probabilities: top-p and min-p."""
    return number(name, 0.0, 1.0)


def penalty(name: str) -> Callable[[str], float]:
    """Return a parser of presence and frequency penalties."""
    return number(name, -2.0, 2.0)


def seed(name: str) -> Callable[[str], int]:
    """Return a parser of 64-bit seeds."""
    return whole(name, -(2**63), 2**63 - 1)


def top_k(name: str) -> Callable[[str], int]:
    """Return a parser of top-k; -1 and 0 mean all tokens."""
    return whole(name, -1, 2**31 - 1)


def stops(name: str) -> Callable[[str], list[str] | None]:
    """Return a parser of stop sequences: plain text, a JSON string, or a JSON list of strings.

    The word `none` clears them, as for the system prompt.
    """

    def parse(value: str) -> list[str] | None:
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

    return parse
