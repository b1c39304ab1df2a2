"""Overviews and probes, against a fake API server."""

import asyncio

import pytest
from aiohttp import web

from kaito.cluster.workspaces.overview import fetch_overview, list_overviews
from kaito.cluster.workspaces.probes import NodeReadiness, fetch_engine_metrics, fetch_newest_event, fetch_nodes
from kaito.errors import NotFoundError
from kaito.types import Target
from tests.cluster.workspaces.fake_api_server import (
    INFERENCE_SETS,
    WORKSPACES,
    FakeApiServer,
    connected,
    error_response,
    workspace,
)

BY_SERVICE = "/api/v1/namespaces/default/services/w:80/proxy/metrics"
BY_POD = "/api/v1/namespaces/default/pods/w-0:5000/proxy/metrics"


def run(server, work):
    async def bounded():
        async with asyncio.timeout(60), connected(server) as cluster:
            return await work(cluster)

    return asyncio.run(bounded())


def running(count):
    return lambda request: web.Response(text=f"vllm:num_requests_running {count}\n")


@pytest.mark.parametrize(
    ("answers", "count"),
    [
        ({BY_SERVICE: running(1), BY_POD: running(2)}, 1),
        ({BY_SERVICE: lambda request: error_response(403, "Forbidden"), BY_POD: running(2)}, 2),
        ({BY_SERVICE: lambda request: error_response(503, "ServiceUnavailable"), BY_POD: running(2)}, 2),
        ({BY_SERVICE: lambda request: web.Response(status=302, headers={"Location": "/"})}, None),
        ({}, None),
    ],
)
def test_metrics_are_read_through_either_proxy_once(answers, count):
    server = FakeApiServer(answers=answers)
    engine = run(server, lambda cluster: fetch_engine_metrics(cluster, "w", "default"))
    assert (engine and engine.running) == count
    assert server.asked[BY_SERVICE] == 1


def test_probes_time_out(monkeypatch):
    monkeypatch.setattr("kaito.cluster.workspaces.probes._PROBE_TIMEOUT", 0.05)
    server = FakeApiServer()

    async def silent(request):
        await asyncio.Event().wait()

    server.answers = dict.fromkeys((BY_SERVICE, BY_POD, "/api/v1/namespaces/default/events"), silent)

    async def work(cluster):
        nodes = await fetch_nodes(cluster, ["n"])
        return (
            await fetch_engine_metrics(cluster, "w", "default"),
            await fetch_newest_event(cluster, "w-0", "default"),
            nodes,
        )

    server.answers["/api/v1/nodes/n"] = silent
    assert run(server, work) == (None, None, (NodeReadiness(name="n"),))


def test_readiness_of_nodes():
    def node(status, **more):
        return {"metadata": {"name": "n"}, "status": {"conditions": [{"type": "Ready", "status": status, **more}]}}

    server = FakeApiServer(
        {"/api/v1/nodes": []},
        {
            "/api/v1/nodes/a": node("True"),
            "/api/v1/nodes/b": node("Unknown", reason="NodeStatusUnknown", message="Kubelet stopped"),
            "/api/v1/nodes/c": {"metadata": {"name": "c"}},
            "/api/v1/nodes/e": lambda request: error_response(403, "Forbidden"),
        },
    )
    assert run(server, lambda cluster: fetch_nodes(cluster, "abcde")) == (
        NodeReadiness(name="a", ready=True),
        NodeReadiness(name="b", ready=False, why="NodeStatusUnknown: Kubelet stopped"),
        NodeReadiness(name="c", ready=False),
        NodeReadiness(name="d", ready=False, why="node no longer exists"),
        NodeReadiness(name="e"),
    )


def test_events_of_the_same_second():
    items = [
        {
            "metadata": {"name": "e", "resourceVersion": version},
            "reason": version,
            "lastTimestamp": "2026-01-01T00:00:00Z",
        }
        for version in ("9", "11", "10")
    ]
    items.append({"metadata": {"name": "e"}, "reason": "timeless"})
    server = FakeApiServer(answers={"/api/v1/namespaces/default/events": {"metadata": {}, "items": items}})
    event = run(server, lambda cluster: fetch_newest_event(cluster, "w-0", "default"))
    assert event is not None
    assert (str(event), event.seen) == ("11", "2026-01-01T00:00:00Z")


def test_probes_without_permissions():
    server = FakeApiServer({WORKSPACES: [workspace(state="Pending")]})
    overview = run(server, lambda cluster: fetch_overview(cluster, Target(workspace="w"), nodes=True))
    assert (overview.ready, overview.event, overview.engine, overview.nodes) == (False, None, None, ())


def test_kaito_is_not_installed():
    server = FakeApiServer()
    server.objects.clear()

    async def work(cluster):
        for asking in (
            fetch_overview(cluster, Target(workspace="w")),
            list_overviews(cluster),
            list_overviews(cluster, all_namespaces=True),
        ):
            with pytest.raises(NotFoundError, match="KAITO is not installed in this cluster"):
                await asking

    run(server, work)


@pytest.mark.parametrize("answers", [{}, {INFERENCE_SETS: lambda request: error_response(403, "Forbidden", "no")}])
def test_inference_sets_that_cannot_be_listed(answers):
    server = FakeApiServer({WORKSPACES: [workspace("b"), workspace("a")]}, answers)
    assert [entry.name for entry in run(server, list_overviews)] == ["a", "b"]


def test_only_the_older_api_version_is_served():
    server = FakeApiServer({WORKSPACES.replace("v1beta1", "v1alpha1"): [workspace()]})
    del server.objects[WORKSPACES]
    assert [entry.name for entry in run(server, list_overviews)] == ["w"]
    assert run(server, lambda cluster: fetch_overview(cluster, Target(workspace="w"))).ready
