"""Waits until a condition is true, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")
_INTERVAL = 0.02


def until(condition: Callable[[], _T | None], what: str, timeout: float = 60.0) -> _T:
    """Call a function until its result is true, and return the result.

    Args:
        condition: the function.
        what: the condition, for the message.
        timeout: seconds.

    Raises:
        AssertionError: the result was not true in time.
    """
    deadline = time.monotonic() + timeout
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"Not within {timeout:g} s: {what}")
        time.sleep(_INTERVAL)
    return result
