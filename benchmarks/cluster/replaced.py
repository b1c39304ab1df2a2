"""How soon a running chat answers after its pod was replaced, counted from when the new one is ready.

The message is sent while there is no pod, or at the moment when the new one is ready. From here the pod is looked at
all the time, as the API server has it. What is done for it after that, such as the endpoints of its Service, counts as
our time, and so do the milliseconds between two looks.
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

#: Seconds that a chat is left without a pod, and after that with a message for it.
_PAUSE = 1.0


def measure(sandbox: Sandbox, runs: int) -> Iterator[Row | str]:
    """Yield the rows, or why there are none."""
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
            for words, early in (("while there is none", True), ("when it is ready", False)):
                waits = [_wait(chat, workspace, client, early=early) for _ in range(runs)]
                yield Row(
                    name=f"cluster-pod: from a new pod to the answer, asked {words}",
                    ours=f"{max(waits) * 1000:.0f} ms",
                    theirs="",
                    compared=f"longest of {runs}",
                    value=max(waits),
                    bar=Bar("at most", 2.0, " s"),
                )


def _wait(chat: subprocess.Popen[bytes], workspace: Workspace, client: ApiClient, *, early: bool) -> float:
    """Replace the pod; return the seconds from when the new one is ready to the answer's end."""
    workspace.delete_pod()
    time.sleep(_PAUSE)
    if early:
        _send(chat)
        time.sleep(_PAUSE)
    with ThreadPoolExecutor() as pool:
        ready = pool.submit(_ready, workspace, client)
        answered = pool.submit(_answered, chat)
        made = pool.submit(workspace.create_pod)
        began = ready.result()
        if not early:
            _send(chat)
        made.result()
        return answered.result() - began


def _ready(workspace: Workspace, client: ApiClient) -> float:
    """Wait until the API server says that the pod is ready; return when it was last asked before that."""
    from tests.controlplane import ApiError, until

    before = time.monotonic()

    def ready() -> bool:
        nonlocal before
        asked = time.monotonic()
        try:
            conditions = client.get("v1", "Pod", workspace.pod_name, workspace.namespace)["status"].get("conditions")
        except ApiError:
            conditions = None
        if any(one["type"] == "Ready" and one["status"] == "True" for one in conditions or ()):
            return True
        before = asked
        return False

    until(ready, "the new pod is ready")
    return before


def _send(chat: subprocess.Popen[bytes]) -> None:
    assert chat.stdin is not None
    chat.stdin.write(b"hi\n")
    chat.stdin.flush()


def _answered(chat: subprocess.Popen[bytes]) -> float:
    """Return when the answer has ended."""
    assert chat.stdout is not None
    if not chat.stdout.readline():
        raise CouldNotRunError("the chat ended without an answer")
    return time.monotonic()
