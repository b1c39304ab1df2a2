"""When a request to the API server is sent again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from kaito.cluster.api_client import ApiClient
from kaito.cluster.api_errors import ApiRefusedError, ApiUnavailableError
from kaito.cluster.api_retry import RetrySchedule
from kaito.cluster.kinds import AccessReview, Pod
from kaito.errors import ClusterError, KaitoError
from tests.cluster.api_server import PODS, api_server, pod, status


def delays(error: ClusterError, *, duration: float = 0.0) -> list[float]:
    """Return the delays after failures, each of which takes so many seconds to arrive."""
    now = 0.0
    schedule = RetrySchedule(now, jitter=lambda: 1.0)
    found: list[float] = []
    while len(found) < 100:
        now += duration
        delay = schedule.delay_after(error, now)
        if delay is None:
            return found
        found.append(delay)
        now += delay
    raise AssertionError("it never gives up")


@pytest.mark.parametrize("code", [429, 502, 503])
def test_a_busy_server_is_given_up_within_a_minute(code: int):
    assert delays(ApiUnavailableError("busy", status=code)) == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0, 8.0, 8.0, 8.0]


@pytest.mark.parametrize("code", [500, 504])
def test_a_failing_server_is_given_up_soon(code: int):
    assert delays(ApiUnavailableError("failed", status=code)) == [0.5, 1.0, 2.0]


def test_a_server_that_refuses_connections_is_given_up_within_three_seconds():
    assert delays(ApiRefusedError("refused")) == [0.5, 0.75, 0.75, 0.75]


def test_a_requested_delay_is_kept_as_kubectl_does():
    def after(seconds: float, **more: float) -> list[float]:
        return delays(ApiUnavailableError("busy", status=429, retry_after=seconds), **more)

    assert after(2.0) == [2.0] * 10
    assert after(0.0) == [0.25] * 10
    assert after(20.0) == [20.0] * 3
    assert after(61.0) == []
    assert after(2.0, duration=20.0) == [2.0, 2.0]


@pytest.fixture
def sleeps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Record the delays before retries, and take no time for them."""
    found: list[float] = []
    real = asyncio.sleep

    async def sleep(delay: float) -> None:
        if delay > 0.1:  # aiohttp sleeps, too
            found.append(delay)
        await real(0)

    monkeypatch.setattr("kaito.cluster.api_client.asyncio.sleep", sleep)
    return found


async def get(cluster: ApiClient) -> None:
    assert (await cluster.get(f"{PODS}/a", Pod)).name == "a"


async def list_pods(cluster: ApiClient) -> None:
    assert await cluster.items(PODS, Pod) == []


async def post(cluster: ApiClient) -> None:
    assert (await cluster.post("/review", {}, AccessReview)).status.allowed


async def watch(cluster: ApiClient) -> None:
    [event] = [event async for event in cluster.events(PODS, Pod, {})]
    assert event.version == "5"


async def websocket(cluster: ApiClient) -> None:
    opened = await cluster.websocket("/tunnel", {}, ["v4.channel.k8s.io"], timeout=5)
    await opened.close()


async def respond(request: web.Request) -> web.StreamResponse:
    if request.path == "/tunnel":
        side = web.WebSocketResponse(protocols=["v4.channel.k8s.io"])
        await side.prepare(request)
        await side.receive()
        return side
    if request.path == "/review":
        return web.json_response({"status": {"allowed": True}}, status=201)
    if "watch" in request.query:
        return web.Response(text='{"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "5"}}}\n')
    return web.json_response({"items": []} if request.path == PODS else pod("a"))


REQUESTS = [get, list_pods, post, watch, websocket]


@pytest.mark.parametrize("code", [429, 503])
@pytest.mark.parametrize("send", REQUESTS)
def test_every_kind_of_request_waits_as_it_is_asked(
    kubeconfig: Any, reporter: Any, sleeps: list[float], send: Callable[[ApiClient], Awaitable[None]], code: int
):
    requests = 0

    async def handler(request: web.Request) -> web.StreamResponse:
        nonlocal requests
        requests += 1
        if requests <= 5:
            response = status(code, "the server is busy", "TooManyRequests")
            response.headers["Retry-After"] = "2"
            return response
        return await respond(request)

    async def run() -> None:
        async with api_server(kubeconfig, reporter, handler) as cluster:
            await send(cluster)

    asyncio.run(run())
    assert requests == 6
    assert sleeps == [2.0] * 5
    assert [delay for _, delay in reporter.retries] == [2.0] * 5
    assert all(f"(HTTP {code})" in reason for reason, _ in reporter.retries)


@pytest.mark.parametrize("send", REQUESTS)
def test_every_kind_of_request_gives_up(
    kubeconfig: Any, reporter: Any, sleeps: list[float], send: Callable[[ApiClient], Awaitable[None]]
):
    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=500, text="failed")

    async def run() -> KaitoError:
        async with api_server(kubeconfig, reporter, handler) as cluster:
            with pytest.raises(ApiUnavailableError) as caught:
                await send(cluster)
            return caught.value

    assert asyncio.run(run()).exit_code == 4
    assert len(sleeps) == 3


def test_a_list_whose_version_expired_starts_again(kubeconfig: Any, reporter: Any):
    tokens: list[str | None] = []

    async def handler(request: web.Request) -> web.Response:
        tokens.append(request.query.get("continue"))
        if tokens == [None]:
            return web.json_response({"metadata": {"continue": "old"}, "items": [pod("gone")]})
        if tokens[-1] == "old":
            return status(410, "The provided continue parameter is too old", "Expired")
        if tokens[-1] == "new":
            return web.json_response({"metadata": {"resourceVersion": "9"}, "items": [pod("b")]})
        return web.json_response({"metadata": {"continue": "new"}, "items": [pod("a")]})

    async def run() -> list[Pod]:
        async with api_server(kubeconfig, reporter, handler) as cluster:
            return await cluster.items(PODS, Pod)

    assert [item.name for item in asyncio.run(run())] == ["a", "b"]
    assert tokens == [None, "old", None, "new"]


def test_a_list_whose_version_always_expires_is_an_error(kubeconfig: Any, reporter: Any):
    async def handler(request: web.Request) -> web.Response:
        if "continue" in request.query:
            return status(410, "The provided continue parameter is too old", "Expired")
        return web.json_response({"metadata": {"continue": "old"}, "items": []})

    async def run() -> None:
        async with api_server(kubeconfig, reporter, handler) as cluster:
            with pytest.raises(KaitoError, match="too old"):
                await cluster.items(PODS, Pod)

    asyncio.run(run())


def test_a_handshake_that_hangs(kubeconfig: Any, reporter: Any):
    async def handler(request: web.Request) -> web.Response:
        await asyncio.sleep(60)
        raise AssertionError

    async def run() -> None:
        async with api_server(kubeconfig, reporter, handler) as cluster:
            with pytest.raises(ClusterError, match=r"did not open a WebSocket within 0\.1 s"):
                await cluster.websocket("/tunnel", {}, ["v4.channel.k8s.io"], timeout=0.1)

    asyncio.run(run())
