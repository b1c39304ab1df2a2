"""Waiting for a workspace, against a fake API server."""

import asyncio

import pytest
from aiohttp import web

from kaito.cluster.workspaces.readiness import NotReadyError
from kaito.cluster.workspaces.waiting import wait_until_ready
from kaito.errors import NotFoundError
from kaito.testing import RecordingReporter
from kaito.types import Target
from tests.cluster.workspaces.fake_api_server import INFERENCE_SETS, WORKSPACES, FakeApiServer, connected, workspace

NODES = {"type": "NodesReady", "status": "False", "reason": "NodesPending", "message": "0 of 1 nodes"}
PENDING = workspace(state="Pending", conditions=[NODES])
EVENTS = "/api/v1/namespaces/default/events"
METRICS = "/api/v1/namespaces/default/pods/w-0:5000/proxy/metrics"


def event(reason, **when):
    return {"metadata": {"name": reason}, "reason": reason, "message": "so it is", "type": "Normal", **when}


def wait(server, meanwhile=None, *, target=None, timeout=60.0):
    """Wait until the target is ready; return the reporter."""
    reporter = RecordingReporter()

    async def run():
        async with asyncio.timeout(90), connected(server) as cluster, asyncio.TaskGroup() as group:
            if meanwhile is not None:
                group.create_task(meanwhile(reporter))
            await wait_until_ready(cluster, target or Target(workspace="w"), timeout, reporter)

    try:
        asyncio.run(run())
    except* (NotReadyError, NotFoundError) as group:
        raise group.exceptions[0] from None
    return reporter


async def shown(reporter, part):
    """Wait until a status contains a text."""
    while not any(part in status for status in reporter.statuses):
        await asyncio.sleep(0.005)


def test_already_ready():
    server = FakeApiServer({WORKSPACES: [workspace()]})
    reporter = wait(server, timeout=0)
    assert (reporter.notices, reporter.statuses) == ([], [])
    assert not server.asked[f"watch {WORKSPACES}"]


def test_wait_until_ready(monkeypatch):
    monkeypatch.setattr("kaito.cluster.workspaces.waiting._PROBE_INTERVAL", 0.01)
    answers = {
        EVENTS: {
            "metadata": {},
            "items": [
                event("Pulled", series={"lastObservedTime": "2026-01-01T00:00:03.5Z"}),
                event("Scheduled", lastTimestamp="2026-01-01T00:00:01Z"),
                event("Created", eventTime="2026-01-01T00:00:02.000001Z"),
            ],
        },
    }
    server = FakeApiServer({WORKSPACES: [PENDING]}, answers)

    async def meanwhile(reporter):
        await server.watched(WORKSPACES)
        await shown(reporter, "waiting: Pulled: so it is")
        server.answers[METRICS] = lambda request: web.Response(
            text="kaito_model_download_speed_bytes_per_second 1.2e8\nkaito_model_download_remaining_seconds 192\n"
        )
        await shown(reporter, "waiting: downloading the model, 120 MB/s, 3m12s left; Pulled: so it is")
        del answers[EVENTS], server.answers[METRICS]
        reporter.statuses.clear()
        await shown(reporter, "waiting")
        loading = {"type": "InferenceReady", "status": "False", "message": "loading"}
        server.send(WORKSPACES, "MODIFIED", workspace(state="NotReady", conditions=[loading]))
        while not any("loading" in notice for notice in reporter.notices):
            await asyncio.sleep(0.005)
        server.send(WORKSPACES, "MODIFIED", workspace())

    reporter = wait(server, meanwhile)
    assert reporter.notices == [
        "Waiting for 'w': NodesReady is False (NodesPending: 0 of 1 nodes)",
        "Waiting for 'w': InferenceReady is False (loading)",
    ]
    assert not any("nodes" in status or "loading" in status for status in reporter.statuses)  # it is in the notices
    assert reporter.statuses[-1] == ""


def test_timeout():
    server = FakeApiServer({WORKSPACES: [PENDING]}, {EVENTS: {"metadata": {}, "items": [event("BackOff")]}})
    with pytest.raises(NotReadyError) as caught:
        wait(server, timeout=2)  # long enough to read the event on a busy machine
    assert caught.value.lines() == [
        "❌ Error: Workspace 'w' is not ready for inference",
        "   Use 'kubectl kaito status --workspace-name w' to check status",
        "   NodesReady is False (NodesPending: 0 of 1 nodes)",
        "   Latest pod event: BackOff: so it is",
        "   Not ready after 2s; to wait longer, use --wait=DURATION",
    ]
    assert caught.value.exit_code == 3


def test_missing_and_tuning_workspaces():
    with pytest.raises(NotFoundError, match="'w' not found"):
        wait(FakeApiServer())
    with pytest.raises(NotReadyError, match="is a tuning workspace"):
        wait(FakeApiServer({WORKSPACES: [workspace(inference=None, tuning={"preset": {"name": "x"}})]}))


def test_deleted_while_waiting():
    server = FakeApiServer({WORKSPACES: [PENDING]})

    async def meanwhile(reporter):
        await server.watched(WORKSPACES)
        server.objects[WORKSPACES] = []
        server.send(WORKSPACES, "DELETED", PENDING)

    with pytest.raises(NotFoundError, match="'w' not found"):
        wait(server, meanwhile)


def test_the_first_ready_replica_of_an_inference_set():
    label = {"labels": {"inferenceset.kaito.sh/created-by": "s"}}
    condition = {"type": "InferenceSetReady", "status": "False", "message": "making replicas"}
    found = {"metadata": {"name": "s", "namespace": "default"}, "spec": {}, "status": {"conditions": [condition]}}
    server = FakeApiServer({INFERENCE_SETS: [found]})

    async def meanwhile(reporter):
        await server.watched(WORKSPACES)
        server.send(WORKSPACES, "ADDED", workspace("s-a", "Pending", metadata=label))
        await asyncio.sleep(0)
        server.send(WORKSPACES, "ADDED", workspace("s-b", metadata=label))

    reporter = wait(server, meanwhile, target=Target(workspace="s", kind="inferenceset"))
    assert reporter.notices == [
        "Waiting for 's': InferenceSetReady is False (making replicas)",
        "Waiting for 's-a': state is Pending",
    ]


def test_a_missing_inference_set():
    with pytest.raises(NotFoundError, match="InferenceSet 's' not found"):
        wait(FakeApiServer({INFERENCE_SETS: []}), target=Target(workspace="s", kind="inferenceset"))
