"""The growth of a long session: resident memory after 100 turns and after 1,000.

`clear` follows every ten turns, so that the history has the same length at both points.
"""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import CouldNotRunError, Sandbox, Server, beside, ending
from benchmarks.report import Bar, Row

RUNS = 1

_EARLY, _LATE, _EVERY = 100, 1000, 10


def measure(sandbox: Sandbox, runs: int) -> Iterator[Row | str]:
    """Yield the row, of the run that grew most."""
    if not Path("/proc/self/status").exists():
        yield "memory: this system has no /proc; the row is left out"
        return
    with Server(50) as server:
        sizes_of_runs = [_session(sandbox, server) for _ in range(runs)]
    early, late = max(sizes_of_runs, key=lambda sizes: sizes[1] - sizes[0])
    yield Row(
        name=f"memory: a chat after {_LATE:,} turns - after {_EARLY}",
        ours=f"{late:.2f} MiB",
        theirs=f"{early:.2f} MiB",
        compared="late - early",
        value=late - early,
        bar=Bar("at most", 2.0, " MiB"),
    )


def _session(sandbox: Sandbox, server: Server) -> tuple[float, float]:
    sizes: list[float] = []
    with ending(sandbox.start([beside("kaito"), "chat", "--endpoint", server.url])) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for turn in range(1, _LATE + 1):
            process.stdin.write(b"Tell me of foxes and dogs, at some length\n")
            process.stdin.flush()
            if not process.stdout.readline().endswith(b"\n"):
                raise CouldNotRunError(f"no answer in turn {turn}")
            if turn in (_EARLY, _LATE):
                time.sleep(0.1)  # until kaito waits for the next line
                sizes.append(_resident(process))
            if turn % _EVERY == 0:
                process.stdin.write(b"clear\n")
    early, late = sizes
    return early, late


def _resident(process: subprocess.Popen[bytes]) -> float:
    """Return the resident memory of a process in MiB."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    match = re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)
    if match is None:
        raise CouldNotRunError("the system does not report the memory of a process")
    return int(match[1]) / 1024
