"""Throughput and latency of kaito's tunnel to a pod, compared with `kubectl port-forward` to the same pod.

Both clients run the same aiohttp code in their own process. One uses the session of a chat, the other the port that
kubectl forwards.
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
#: The minimum seconds until a user sends the next message.
_PAUSE = 0.3


def measure(sandbox: Sandbox, runs: int) -> Iterator[Row | str]:
    """Yield the rows, or the reason why there are none."""
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
            name = "tunnel: kaito / new connection through kubectl, first byte"
            yield ratio(name, pairs, Bar("at most", 0.5), over="kaito / alternative")


def _throughput(name: str, pairs: list[tuple[float, float]], limit: float) -> Row:
    return ratio(name, pairs, Bar("at least", limit), over="kaito / alternative", scale=1e-6, unit=" MB/s")


def _rate(client: Helper, streams: int, count: int) -> float:
    """Return bytes per second."""
    seconds = float(client.ask(streams, count).split()[1])
    return streams * count / seconds


def _first(client: Helper) -> float:
    """Return the seconds to the first byte of a request after a pause."""
    time.sleep(_PAUSE)
    return float(client.ask(1, 1).split()[0])


@contextlib.contextmanager
def _kubectl(sandbox: Sandbox, kubeconfig: str, pod: str) -> Iterator[str]:
    """Yield the URL of a port that kubectl forwards to the pod."""
    command = ["kubectl", "--kubeconfig", kubeconfig, "port-forward", "--address", "127.0.0.1", f"pod/{pod}", ":5000"]
    with ending(sandbox.start(command, stdin=subprocess.DEVNULL)) as process:
        assert process.stdout is not None
        match = re.match(rb"Forwarding from (127\.0\.0\.1:\d+) ", process.stdout.readline())
        if match is None:
            raise CouldNotRunError("kubectl port-forward did not print a port")
        # It prints a line for each connection.
        drain = threading.Thread(target=process.stdout.read)
        drain.start()
        try:
            yield f"http://{match[1].decode()}"
        finally:
            process.terminate()
            drain.join()
