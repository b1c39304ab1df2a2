"""What one short answer costs through the cluster, from the shell and back to it.

Whoever reaches a cluster from Python has imported aiohttp and the Kubernetes client's configuration loader: that alone
is what we are compared with.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from functools import partial

from benchmarks.cluster.place import NAME, cluster, kaito_flags, missing
from benchmarks.measure import Sandbox, Server, alternating, beside
from benchmarks.one_shot import WORDS, checked
from benchmarks.report import Bar, Row, ratio

RUNS = 20

_IMPORTS = "import aiohttp, kubernetes.aio.config"


def measure(sandbox: Sandbox, runs: int) -> Iterator[Row | str]:
    """Yield the rows, or why there are none."""
    if reason := missing():
        yield f"cluster-one-shot: {reason}; its rows are left out"
        return
    with Server(WORDS) as server, cluster() as namespace:
        namespace.workspace(NAME, port=server.port)
        for backend in ("port-forward", "auto"):
            command = [beside("kaito"), *kaito_flags(namespace, backend), "-m", "hi"]
            pairs = alternating(partial(_answer, sandbox, command), partial(_imports, sandbox), runs)
            name = f"cluster-one-shot: kaito --backend {backend} / two imports, CPU"
            yield ratio(name, pairs, Bar("at most", 1.25), over="ours / theirs")


def _answer(sandbox: Sandbox, command: Sequence[str]) -> float:
    return checked(sandbox.run(*command)).cpu


def _imports(sandbox: Sandbox) -> float:
    return sandbox.run(sys.executable, "-c", _IMPORTS).cpu
