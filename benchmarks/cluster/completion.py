"""What it costs to complete the name of a workspace with the Tab key.

Every program that lists objects of a cluster from Python imports an HTTP client, a JSON decoder and a YAML parser: the
alternative imports them and does nothing else.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial

from benchmarks.cluster.place import NAME, cluster, missing
from benchmarks.measure import CouldNotRunError, Sandbox, alternating, beside
from benchmarks.report import Bar, Row, ratio

RUNS = 30

_IMPORTS = "import aiohttp, msgspec, yaml, argparse"


def measure(sandbox: Sandbox, runs: int) -> Iterator[Row | str]:
    """Yield the row, or why there is none."""
    if reason := missing():
        yield f"cluster-completion: {reason}; its row is left out"
        return
    with cluster() as namespace:
        namespace.workspace(NAME)
        kubeconfig = str(namespace.kubeconfig())
        complete = partial(_complete, sandbox, kubeconfig)
        pairs = alternating(complete, partial(_cpu, sandbox, sys.executable, "-c", _IMPORTS), runs)
    name = "cluster-completion: kaito __complete / four imports, CPU"
    yield ratio(name, pairs, Bar("at most", 1.25), over="ours / theirs")


def _complete(sandbox: Sandbox, kubeconfig: str) -> float:
    cost = sandbox.run(beside("kaito"), "__complete", "chat", "--kubeconfig", kubeconfig, "--workspace-name", NAME[:2])
    if not cost.out.startswith(f"{NAME}\t".encode()):
        raise CouldNotRunError(f"kaito __complete wrote {cost.out!r}")
    return cost.cpu


def _cpu(sandbox: Sandbox, *command: str) -> float:
    return sandbox.run(*command).cpu
