"""What comes through our tunnel to a pod, and what through `kubectl port-forward` to the same one.

Both clients are the same lines of aiohttp, each in a process of its own that lasts; ours reads by the session that a
chat has with its model, theirs from the port that kubectl forwards.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
import threading
import time
from collections.abc import Iterator

from benchmarks.cluster.helper import Helper
from benchmarks.cluster.place import NAME, cluster, missing
from benchmarks.measure import CouldNotRunError, Sandbox, alternating, ending
from benchmarks.report import Bar, Row, ratio

RUNS = 11

_BODY = 200_000_000
_STREAMS, _STREAM = 64, 4_000_000
_FIRSTS = 3
#: Seconds that a person takes for the next message, at least.
_PAUSE = 0.3


def measure(sandbox: Sandbox, runs: int) -> Iterator[Row | str]:
    """Yield the rows, or why there are none."""
    if reason := missing("kubectl"):
        yield f"tunnel: {reason}; its rows are left out"
        return
    with cluster() as namespace, Helper(sandbox, "bulk") as server:
        pod = namespace.workspace(NAME, port=int(server.ready)).pod_name
        kubeconfig = str(namespace.kubeconfig())
        with (
            _kubectl(sandbox, kubeconfig, pod) as url,
            Helper(sandbox, "fetch", "--kubeconfig", kubeconfig, "--workspace", NAME) as ours,
            Helper(sandbox, "fetch", "--url", url) as theirs,
        ):
            pairs = alternating(lambda: _rate(ours, 1, _BODY), lambda: _rate(theirs, 1, _BODY), runs)
            yield _throughput(f"tunnel: kaito / kubectl port-forward, {_BODY // 10**6} MB", pairs, 1.3)
            pairs = alternating(lambda: _rate(ours, _STREAMS, _STREAM), lambda: _rate(theirs, _STREAMS, _STREAM), runs)
            name = f"tunnel: kaito / kubectl port-forward, {_STREAMS} streams of {_STREAM // 10**6} MB"
            yield _throughput(name, pairs, 1.0)
            pairs = alternating(lambda: _first(ours), lambda: _first(theirs), _FIRSTS * runs)
            name = "tunnel: kaito's session / new connection through kubectl, first byte"
            yield ratio(name, pairs, Bar("at most", 0.5), over="ours / theirs")


def _throughput(name: str, pairs: list[tuple[float, float]], limit: float) -> Row:
    return ratio(name, pairs, Bar("at least", limit), over="ours / theirs", scale=1e-6, unit=" MB/s")


def _rate(client: Helper, streams: int, count: int) -> float:
    """Return bytes per second."""
    seconds = float(client.ask(streams, count).split()[1])
    return streams * count / seconds


def _first(client: Helper) -> float:
    """Return the seconds to the first byte of a request that comes after a pause."""
    time.sleep(_PAUSE)
    return float(client.ask(1, 1).split()[0])


@contextlib.contextmanager
def _kubectl(sandbox: Sandbox, kubeconfig: str, pod: str) -> Iterator[str]:
    """Yield the URL of a port that kubectl forwards to the pod."""
    command = ["kubectl", "--kubeconfig", kubeconfig, "port-forward", "--address", "127.0.0.1", f"pod/{pod}", ":5000"]
    with ending(sandbox.start(command, stdin=subprocess.DEVNULL)) as process:
        assert process.stdout is not None
        found = re.match(rb"Forwarding from (127\.0\.0\.1:\d+) ", process.stdout.readline())
        if found is None:
            raise CouldNotRunError("kubectl port-forward forwards no port")
        # It says a line for each connection, which somebody has to take.
        drain = threading.Thread(target=process.stdout.read)
        drain.start()
        try:
            yield f"http://{found[1].decode()}"
        finally:
            process.terminate()
            drain.join()
