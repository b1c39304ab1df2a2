"""The cost of rendering Markdown: for each token of a long and of short answers, and compared with `rich.live`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from benchmarks.drawing import tokens
from benchmarks.measure import Sandbox, alternating
from benchmarks.report import Bar, Row, ratio

RUNS = 3

_SHORT, _LONG = 1_000, 100_000
_DRAWING = str(Path(__file__).with_name("drawing.py"))


def measure(sandbox: Sandbox, runs: int) -> Iterator[Row | str]:
    """Yield the rows."""
    if find_spec("kaito_rich") is None:
        yield "markdown: kaito-rich is not installed; its rows are left out"
        return
    # The same number of tokens, in one answer or in many.
    long = partial(_per_token, sandbox, _LONG, 1)
    short = partial(_per_token, sandbox, _SHORT, _LONG // _SHORT)
    yield ratio(
        f"markdown: CPU for a token, answers of {_LONG:,} / {_SHORT:,} tokens",
        alternating(long, short, runs),
        Bar("at most", 1.2),
        over="kaito / alternative",
        scale=1e6,
        unit=" µs",
    )
    yield ratio(
        f"markdown: kaito-rich / rich.live, CPU of {_SHORT:,} tokens",
        alternating(partial(_ours, sandbox), partial(_theirs, sandbox), runs),
        Bar("at most", 0.5),
        over="kaito / alternative",
    )


def _per_token(sandbox: Sandbox, count: int, times: int) -> float:
    return float(sandbox.run(sys.executable, _DRAWING, str(count), "--times", str(times)).out)


def _ours(sandbox: Sandbox) -> float:
    return sandbox.run(sys.executable, _DRAWING, str(_SHORT)).cpu


def _theirs(sandbox: Sandbox) -> float:
    lines = "".join(json.dumps(token) + "\n" for token in tokens(_SHORT))
    return sandbox.python("rich_live.py", stdin=lines.encode()).cpu
