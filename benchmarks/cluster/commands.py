"""The CPU time of short commands that use a cluster: `status`, a completion, and one message through `port-forward`.

They are compared with importing what every such program imports, so a heavy import or a slow start shows as a ratio.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial

from benchmarks.cluster.place import NAME, cluster, kaito_flags, missing
from benchmarks.measure import Sandbox, Server, alternating, beside
from benchmarks.one_shot import WORDS
from benchmarks.report import Bar, Row, ratio

RUNS = 20

_IMPORTS = "import aiohttp, msgspec, yaml, argparse"


def measure(sandbox: Sandbox, runs: int) -> Iterator[Row | str]:
    """Yield the rows, or the reason why there are none."""
    if reason := missing():
        yield f"cluster-start: {reason}; its rows are left out"
        return
    with Server(WORDS) as server, cluster() as namespace:
        namespace.workspace(NAME, port=server.port)
        kubeconfig = ["--kubeconfig", str(namespace.kubeconfig())]
        commands = {
            "kaito status": (["status", *kubeconfig], 1.15),
            "kaito __complete": (["__complete", "chat", *kubeconfig, "--workspace-name", ""], 1.25),
            "kaito chat --backend port-forward": ([*kaito_flags(namespace, "port-forward"), "-m", "hi"], 1.25),
        }
        for name, (arguments, limit) in commands.items():
            ours = partial(_cpu, sandbox, beside("kaito"), *arguments)
            theirs = partial(_cpu, sandbox, sys.executable, "-c", _IMPORTS)
            pairs = alternating(ours, theirs, runs)
            yield ratio(
                f"cluster-start: {name} / four imports, CPU", pairs, Bar("at most", limit), over="kaito / alternative"
            )


def _cpu(sandbox: Sandbox, *command: str) -> float:
    return sandbox.run(*command).cpu
