"""Runs the benchmarks and prints a table. A missed target is not a failure, as machines are noisy."""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
from pathlib import Path

from benchmarks import (
    first_token,
    idle_plugins,
    markdown,
    memory,
    one_shot,
    prompt,
    questions,
    script,
    start,
    streaming,
)
from benchmarks.cluster import auto, commands, one_answer, replaced, tunnel
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
    "questions": questions,
    "plugins": idle_plugins,
    "prompt": prompt,
    "tunnel": tunnel,
    "cluster-start": commands,
    "cluster-one-shot": one_answer,
    "cluster-pod": replaced,
    "cluster-auto": auto,
}


def main() -> int:
    """Return 0, or 1 if a benchmark could not run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"benchmarks to run: {', '.join(_ALL)}; all by default"
    )
    parser.add_argument("--runs", type=int, metavar="N", help="pairs of runs; the default depends on the benchmark")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(_ALL):
        parser.error(f"unknown benchmark: {', '.join(sorted(unknown))}")
    if arguments.runs is not None and arguments.runs < 1:
        parser.error("--runs must be at least 1")
    rows: list[Row] = []
    notes: list[str] = []
    failures: list[str] = []
    for name in arguments.names or _ALL:
        print(f"{name} …", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(prefix="benchmarks-") as home:
            try:
                for result in _ALL[name].measure(Sandbox(Path(home)), arguments.runs or _ALL[name].RUNS):
                    (rows if isinstance(result, Row) else notes).append(result)
            except (CouldNotRunError, OSError) as exc:
                failures.append(f"{name}: cannot run: {exc}")
    print(f"Python {platform.python_version()} on {platform.system()} {platform.machine()}; medians of pairs\n")
    print(table(rows))
    for line in [*notes, *failures]:
        print(line)
    return 1 if failures else 0


sys.exit(main())
