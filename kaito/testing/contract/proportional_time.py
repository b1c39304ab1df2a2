"""Compares what a short and a long text cost: work that is done again for each piece shows, on any machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from kaito.testing.contract.promises import promise

T = TypeVar("T")

#: The size of the short text, and how many times longer the other one is.
_SIZE, _FACTOR = 2_000, 8
#: CPU seconds below which the long text's cost is not worth a comparison.
_NEGLIGIBLE = 0.05
#: How many times more than in proportion it may cost. Quadratic work costs `_FACTOR` times more.
_TOLERANCE = 3


def takes_proportional_time(what: str, make: Callable[[int], T], run: Callable[[T], object]) -> None:
    """Fail if the cost of a text grows faster than its length.

    Args:
        what: describes the text.
        make: returns a text of the given size.
        run: processes it.

    Raises:
        AssertionError: it does.
    """
    # CPU time hardly depends on the load of the machine, and is never too short: the smallest value counts.
    long = min(_cost(run, make(_SIZE * _FACTOR)) for _ in range(2))
    if long < _NEGLIGIBLE:
        return
    short = min(_cost(run, make(_SIZE)) for _ in range(5))
    promise(
        long < _TOLERANCE * _FACTOR * short,
        f"a text that is {_FACTOR} times longer, {what}, takes {long / short:.0f} times as long; "
        "do not format again what was formatted",
    )


def _cost(run: Callable[[T], object], text: T) -> float:
    started = time.thread_time()
    run(text)
    return time.thread_time() - started
