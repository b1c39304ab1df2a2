"""Runs the comparisons and prints their table. A missed bar is no failure: machines are noisy."""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
from pathlib import Path

from benchmarks import first_token, markdown, memory, one_shot, prompt, script, start, streaming
from benchmarks.cluster import auto, one_answer, replaced, tunnel
from benchmarks.measure import CouldNotRunError, Sandbox
from benchmarks.report import Row, table

_ALL = {
    "start": start,
    "one-shot": one_shot,
    "streaming": streaming,
    "first-token": first_token,
    "memory": memory,
    "markdown": markdown,
    "script": script,
    "prompt": prompt,
    "tunnel": tunnel,
    "cluster-one-shot": one_answer,
    "cluster-pod": replaced,
    "cluster-auto": auto,
}


def main() -> int:
    """Return 0, or 1 when something could not be run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"what to run, of {', '.join(_ALL)}; default all")
    parser.add_argument("--runs", type=int, metavar="N", help="pairs of runs; the default differs by name")
    given = parser.parse_args()
    if unknown := set(given.names) - set(_ALL):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    if given.runs is not None and given.runs < 1:
        parser.error("--runs: at least 1")
    rows: list[Row] = []
    remarks: list[str] = []
    failures: list[str] = []
    for name in given.names or _ALL:
        print(f"{name} …", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(prefix="benchmarks-") as home:
            try:
                for result in _ALL[name].measure(Sandbox(Path(home)), given.runs or _ALL[name].RUNS):
                    (rows if isinstance(result, Row) else remarks).append(result)
            except (CouldNotRunError, OSError) as exc:
                failures.append(f"{name}: could not be run: {exc}")
    print(f"Python {platform.python_version()} on {platform.system()} {platform.machine()}; medians of pairs\n")
    print(table(rows))
    for line in [*remarks, *failures]:
        print(line)
    return 1 if failures else 0


sys.exit(main())
