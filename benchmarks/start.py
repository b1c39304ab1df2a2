"""The cost of `--version` and `--help`.

These use no network and load no plugin, so they should cost no more than a few imports that every such program needs.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial

from benchmarks.measure import Sandbox, alternating, beside
from benchmarks.report import Bar, Row, ratio

RUNS = 30

_IMPORTS = "import argparse, cmd, pluggy, colorama"


def measure(sandbox: Sandbox, runs: int) -> Iterator[Row]:
    """Yield the rows."""
    for flag in ("--version", "--help"):
        ours = partial(_cpu, sandbox, beside("kaito"), flag)
        theirs = partial(_cpu, sandbox, sys.executable, "-c", _IMPORTS)
        name = f"start: kaito {flag} / four imports, CPU"
        yield ratio(name, alternating(ours, theirs, runs), Bar("at most", 1.0), over="kaito / alternative")


def _cpu(sandbox: Sandbox, *command: str) -> float:
    return sandbox.run(*command).cpu
