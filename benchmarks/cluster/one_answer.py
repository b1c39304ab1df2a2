"""The cost of one short answer through the cluster, as a whole command.

It is compared with importing aiohttp and the configuration loader of the Kubernetes client, which programs for clusters
usually do.
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
    """Yield the rows, or the reason why there are none."""
    if reason := missing():
        yield f"cluster-one-shot: {reason}; its rows are left out"
        return
    with Server(WORDS) as server, cluster() as namespace:
        namespace.workspace(NAME, port=server.port)
        for backend in ("port-forward", "auto"):
            command = [beside("kaito"), *kaito_flags(namespace, backend), "-m", "hi"]
            pairs = alternating(partial(_answer, sandbox, command), partial(_imports, sandbox), runs)
            name = f"cluster-one-shot: kaito --backend {backend} / two imports, CPU"
            yield ratio(name, pairs, Bar("at most", 1.25), over="kaito / alternative")


def _answer(sandbox: Sandbox, command: Sequence[str]) -> float:
    return checked(sandbox.run(*command)).cpu


def _imports(sandbox: Sandbox) -> float:
    return sandbox.run(sys.executable, "-c", _IMPORTS).cpu
