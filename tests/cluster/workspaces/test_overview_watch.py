"""Watching a workspace, an InferenceSet, or all of them, against a fake API server."""

import asyncio
from contextlib import aclosing

import pytest
from aiohttp import web

from kaito.cluster.api_errors import MissingPermissionError
from kaito.cluster.workspaces.overview import InferenceSetOverview
from kaito.cluster.workspaces.overview_watch import watch_overview, watch_overviews
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


def run(server, work):
    """Call an asynchronous function with a client, with a time limit."""

    async def bounded():
        async with asyncio.timeout(60), connected(server) as cluster:
            return await work(cluster)

    return asyncio.run(bounded())


def inference_set(ready, name="s"):
    metadata = {"name": name, "namespace": "default", "resourceVersion": "1"}
    return {"metadata": metadata, "spec": {"replicas": 2}, "status": {"readyReplicas": ready}}


def states(entries):
    return [(entry.name, entry.ready, entry.why) for entry in entries]


def test_only_changes_are_yielded_when_watches_end_or_expire():
    server = FakeApiServer({WORKSPACES: [workspace(state="Pending"), workspace("other")]})
    notices = []

    async def work(cluster):
        async with aclosing(watch_overview(cluster, Target(workspace="w"), notices.append)) as overviews:
            yield_ = overviews.__anext__
            seen = [await yield_()]
            await server.watched(WORKSPACES)
            # A change that is not shown, the end of the watch, and an expired version yield nothing.
            server.send(WORKSPACES, "MODIFIED", workspace(state="Pending", metadata={"annotations": {"a": "b"}}))
            server.end_watches()
            await asyncio.sleep(0)
            await server.watched(WORKSPACES)
            server.send(WORKSPACES, "ERROR", {"kind": "Status", "code": 410, "reason": "Expired", "message": "old"})
            server.objects[WORKSPACES] = [workspace(state="Ready")]
            seen.append(await yield_())
            await server.watched(WORKSPACES)
            server.send(WORKSPACES, "DELETED", workspace(state="Ready"))
            seen.append(await yield_())
            server.send(WORKSPACES, "ADDED", workspace(state="Ready"))
            seen.append(await yield_())
            return [overview.why for overview in seen]

    assert run(server, work) == ["state is Pending", "", "deleted", ""]
    assert notices == []


def test_a_missing_workspace():
    async def work(cluster):
        with pytest.raises(NotFoundError, match="'w' not found"):
            await anext(watch_overview(cluster, Target(workspace="w"), print))
        with pytest.raises(NotFoundError, match="does not support InferenceSets"):
            await anext(watch_overview(cluster, Target(workspace="w", kind="inferenceset"), print))

    run(FakeApiServer(), work)


def test_permission_to_read_but_not_to_watch():
    words = 'User "jo" cannot watch resource "workspaces" in API group "kaito.sh" in the namespace "default"'

    def answer(request):
        if "watch" in request.query:
            return error_response(403, "Forbidden", words)
        return server_list(request)

    def server_list(request):

        return web.json_response({"metadata": {"resourceVersion": "1"}, "items": [workspace()]})

    server = FakeApiServer(answers={WORKSPACES: answer, f"{WORKSPACES}/w": workspace()})

    async def work(cluster):
        async with aclosing(watch_overview(cluster, Target(workspace="w"), print)) as overviews:
            async for overview in overviews:
                assert overview.ready

    # Before the other lists have arrived, or after the first overview.
    with pytest.raises(MissingPermissionError, match="may not watch workspaces"):
        run(server, work)


def test_an_inference_set_and_its_replicas():
    label = {"labels": {"inferenceset.kaito.sh/created-by": "s"}}
    server = FakeApiServer(
        {INFERENCE_SETS: [inference_set(1)], WORKSPACES: [workspace("b", "Pending", metadata=label)]}
    )

    async def work(cluster):
        target = Target(workspace="s", kind="inferenceset")
        async with aclosing(watch_overview(cluster, target, print)) as overviews:
            seen = [await anext(overviews)]
            for path in (INFERENCE_SETS, WORKSPACES):
                await server.watched(path)
            server.send(WORKSPACES, "ADDED", workspace("c", metadata=label))
            seen.append(await anext(overviews))
            server.send(INFERENCE_SETS, "MODIFIED", inference_set(2))
            seen.append(await anext(overviews))
            server.send(INFERENCE_SETS, "DELETED", inference_set(2))
            seen.append(await anext(overviews))
            sets = [found for found in seen if isinstance(found, InferenceSetOverview)]
            return [(found.why, [replica.name for replica in found.replicas]) for found in sets]

    assert run(server, work) == [
        ("1 of 2 replicas are ready", ["b"]),
        ("1 of 2 replicas are ready", ["c", "b"]),
        ("", ["c", "b"]),
        ("deleted", []),
    ]


def test_the_table_yields_changed_rows():
    server = FakeApiServer(
        {INFERENCE_SETS: [inference_set(2)], WORKSPACES: [workspace("a"), workspace("b", "Pending")]}
    )

    async def work(cluster):
        async with aclosing(watch_overviews(cluster, print)) as tables:
            assert states(await anext(tables)) == [
                ("a", True, ""),
                ("b", False, "state is Pending"),
                ("inferenceset/s", True, ""),
            ]
            for path in (INFERENCE_SETS, WORKSPACES):
                await server.watched(path)
            server.send(WORKSPACES, "MODIFIED", workspace("b"))
            assert states(await anext(tables)) == [("b", True, "")]
            server.send(INFERENCE_SETS, "DELETED", inference_set(2))
            assert states(await anext(tables)) == [("inferenceset/s", False, "deleted")]
            server.send(WORKSPACES, "DELETED", workspace("a"))
            assert states(await anext(tables)) == [("a", False, "deleted")]

    run(server, work)


@pytest.mark.parametrize("answers", [{}, {INFERENCE_SETS: lambda request: error_response(403, "Forbidden", "no")}])
def test_a_table_without_inference_sets(answers):
    async def work(cluster):
        async with aclosing(watch_overviews(cluster, print)) as tables:
            assert states(await anext(tables)) == [("a", True, "")]

    run(FakeApiServer({WORKSPACES: [workspace("a")]}, answers), work)


def test_the_api_server_becomes_unreachable_and_recovers(monkeypatch):
    monkeypatch.setattr("kaito.cluster.api_retry._BACKOFF", 0.01)
    monkeypatch.setattr("kaito.cluster.watch._DELAY", 0.01)
    server = FakeApiServer({INFERENCE_SETS: [inference_set(2)], WORKSPACES: [workspace("a")]})
    notices = []

    async def work(cluster):
        async with aclosing(watch_overviews(cluster, notices.append)) as tables:
            await anext(tables)
            for path in (INFERENCE_SETS, WORKSPACES):
                await server.watched(path)
                server.answers[path] = lambda request: error_response(503, "ServiceUnavailable", "down")
            server.end_watches()
            next_ = asyncio.ensure_future(anext(tables))
            while not notices:
                await asyncio.sleep(0.005)
            server.objects[WORKSPACES] = [workspace("a", "NotReady")]
            server.answers.clear()
            await server.watched(WORKSPACES)
            server.send(WORKSPACES, "MODIFIED", workspace("a", "NotReady"))
            assert states(await next_) == [("a", False, "state is NotReady")]
            while len(notices) < 2:  # once both watches have recovered
                await asyncio.sleep(0.005)

    run(server, work)
    assert notices == [
        "Lost the connection to the API server, reconnecting: The API server is unavailable: down (HTTP 503)",
        "Reconnected to the API server",
    ]


def test_errors_of_a_starting_api_server(monkeypatch):
    monkeypatch.setattr("kaito.cluster.api_retry._BACKOFF", 0.01)
    monkeypatch.setattr("kaito.cluster.watch._DELAY", 0.01)
    server = FakeApiServer({WORKSPACES: [workspace()]})
    refusals = iter([(503, "ServiceUnavailable")] * 4 + [(403, "Forbidden")] * 3)

    def starting(request):
        code, reason = next(refusals, (200, ""))
        if code == 200:
            return web.json_response({"metadata": {"resourceVersion": "2"}, "items": [workspace(state="NotReady")]})
        return error_response(code, reason, "not yet")

    async def work(cluster):
        async with aclosing(watch_overview(cluster, Target(workspace="w"), print)) as overviews:
            assert (await anext(overviews)).ready
            await server.watched(WORKSPACES)
            server.answers[WORKSPACES] = starting
            server.end_watches()
            assert not (await anext(overviews)).ready

    run(server, work)
    assert list(refusals) == []
