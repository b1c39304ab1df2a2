"""Waiting for something to become true, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")
_PAUSE = 0.02


def until(condition: Callable[[], _T | None], what: str, timeout: float = 60.0) -> _T:
    """Ask again and again until the answer is true, and return it.

    Args:
        condition: what is asked.
        what: what is waited for, for the message.
        timeout: seconds.

    Raises:
        AssertionError: it did not become true in time.
    """
    deadline = time.monotonic() + timeout
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"Not within {timeout:g} s: {what}")
        time.sleep(_PAUSE)
    return answer
