"""The time until a running chat answers after its pod was replaced, counted from when the new pod is ready.

The message is sent while there is no pod, or when the new pod is ready. The pod is polled at the API server: everything
that happens after it is ready, such as the update of the endpoints, counts, and so does the polling interval.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from benchmarks.cluster.place import NAME, cluster, kaito_flags, missing
from benchmarks.measure import CouldNotRunError, Sandbox, Server, beside, ending
from benchmarks.one_shot import WORDS
from benchmarks.report import Bar, Row

if TYPE_CHECKING:
    from tests.controlplane import ApiClient, Workspace

RUNS = 5

#: Seconds without a pod before the message is sent, and before the new pod is created.
_PAUSE = 1.0


def measure(sandbox: Sandbox, runs: int) -> Iterator[Row | str]:
    """Yield the rows, or the reason why there are none."""
    if reason := missing():
        yield f"cluster-pod: {reason}; its rows are left out"
        return
    from tests.controlplane import ApiClient

    with Server(WORDS) as server, cluster() as namespace:
        workspace = namespace.workspace(NAME, port=server.port)
        client = ApiClient(namespace.kubeconfig())
        with ending(sandbox.start([beside("kaito"), *kaito_flags(namespace, "port-forward")])) as chat:
            _send(chat)
            _answered(chat)
            for moment, early in (("without a pod", True), ("when it is ready", False)):
                waits = [_wait(chat, workspace, client, early=early) for _ in range(runs)]
                yield Row(
                    name=f"cluster-pod: from a new pod to the answer, sent {moment}",
                    ours=f"{max(waits) * 1000:.0f} ms",
                    theirs="",
                    compared=f"longest of {runs}",
                    value=max(waits),
                    bar=Bar("at most", 2.0, " s"),
                )


def _wait(chat: subprocess.Popen[bytes], workspace: Workspace, client: ApiClient, *, early: bool) -> float:
    """Replace the pod; return the seconds from when the new pod is ready to the end of the answer."""
    workspace.delete_pod()
    time.sleep(_PAUSE)
    if early:
        _send(chat)
        time.sleep(_PAUSE)
    with ThreadPoolExecutor() as pool:
        ready = pool.submit(_ready, workspace, client)
        answered = pool.submit(_answered, chat)
        created = pool.submit(workspace.create_pod)
        began = ready.result()
        if not early:
            _send(chat)
        created.result()
        return answered.result() - began


def _ready(workspace: Workspace, client: ApiClient) -> float:
    """Wait until the API server reports the pod as ready; return the time of the last poll before that."""
    from tests.controlplane import ApiError, until

    before = time.monotonic()

    def ready() -> bool:
        nonlocal before
        polled = time.monotonic()
        try:
            conditions = client.get("v1", "Pod", workspace.pod_name, workspace.namespace)["status"].get("conditions")
        except ApiError:
            conditions = None
        if any(one["type"] == "Ready" and one["status"] == "True" for one in conditions or ()):
            return True
        before = polled
        return False

    until(ready, "the new pod is ready")
    return before


def _send(chat: subprocess.Popen[bytes]) -> None:
    assert chat.stdin is not None
    chat.stdin.write(b"hi\n")
    chat.stdin.flush()


def _answered(chat: subprocess.Popen[bytes]) -> float:
    """Wait for the end of the answer; return its time."""
    assert chat.stdout is not None
    if not chat.stdout.readline():
        raise CouldNotRunError("the chat ended without an answer")
    return time.monotonic()
