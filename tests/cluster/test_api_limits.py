"""An API server that sends too much, or never ends, costs neither memory nor time."""

from __future__ import annotations

import asyncio
import json
import tracemalloc
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from kaito.cluster.api_client import ApiClient
from kaito.cluster.kinds import Pod
from kaito.cluster.portforward.dial import dial
from kaito.cluster.portforward.protocol import PodPort, TunnelError
from kaito.cluster.watch import watch as watch_objects
from kaito.errors import ClusterError, KaitoError
from kaito.util import limits
from tests.cluster.api_server import PODS, api_server, pod

MIB = 1024 * 1024


async def endless(request: web.Request, start: bytes, chunk: bytes) -> web.StreamResponse:
    """Send a body until the client has gone."""
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(start)
    while True:
        await response.write(chunk)


def sending(start: bytes) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Return a handler with an endless body."""

    async def handler(request: web.Request) -> web.StreamResponse:
        return await endless(request, start, b"a" * MIB)

    return handler


async def get(cluster: ApiClient) -> None:
    await cluster.get(f"{PODS}/a", Pod)


async def list_pods(cluster: ApiClient) -> None:
    await cluster.items(PODS, Pod)


async def watch(cluster: ApiClient) -> None:
    async for _ in cluster.events(PODS, Pod, {}):
        pass


def failure(
    kubeconfig: Any, reporter: Any, handler: Any, use: Callable[[ApiClient], Awaitable[None]]
) -> tuple[KaitoError, float]:
    """Return the error of a request, and the peak of the memory that was allocated meanwhile, in MiB."""

    async def run() -> KaitoError:
        async with api_server(kubeconfig, reporter, handler, timeout=60) as cluster:
            with pytest.raises(KaitoError) as caught:
                await use(cluster)
            return caught.value

    tracemalloc.start()
    try:
        error = asyncio.run(run())
        return error, tracemalloc.get_traced_memory()[1] / MIB
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("use", [get, list_pods])
def test_an_endless_response(kubeconfig: Any, reporter: Any, monkeypatch: pytest.MonkeyPatch, use: Any):
    monkeypatch.setattr(limits, "API_PAGE", 4 * MIB)
    error, peak = failure(kubeconfig, reporter, sending(b'{"x": "'), use)
    assert isinstance(error, ClusterError)
    assert error.message == "The API server's response is too large: it has more than 4 MiB"
    assert peak < 30


def test_an_endless_event(kubeconfig: Any, reporter: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "WATCH_EVENT", 4 * MIB)
    error, peak = failure(kubeconfig, reporter, sending(b'{"type": "'), watch)
    assert isinstance(error, ClusterError)
    assert error.message == "The API server sent an event of more than 4 MiB"
    assert peak < 30


@pytest.mark.parametrize("items", [[], [pod("a")]])
def test_a_list_without_an_end(kubeconfig: Any, reporter: Any, monkeypatch: pytest.MonkeyPatch, items: list[Any]):
    monkeypatch.setattr(limits, "API_LIST_ITEMS", 50)
    monkeypatch.setattr(limits, "API_LIST_PAGES", 200)
    requests = 0

    async def handler(request: web.Request) -> web.Response:
        nonlocal requests
        requests += 1
        return web.json_response({"metadata": {"continue": str(requests)}, "items": items})

    error, _ = failure(kubeconfig, reporter, handler, list_pods)
    assert isinstance(error, ClusterError)
    assert error.message.startswith("The API server's list of Pods does not end: ")
    assert requests == (51 if items else 200)


class CountingBuffer(bytearray):
    """Counts the bytes that searches look at."""

    searched = 0

    def find(self, sub: Any, start: Any = 0, end: Any = None) -> int:
        found = super().find(sub, start)
        CountingBuffer.searched += (len(self) if found < 0 else found) - start
        return found


def test_a_long_event_in_small_reads_is_searched_once(kubeconfig: Any, reporter: Any, monkeypatch: pytest.MonkeyPatch):
    """The work is linear: each byte of an event is looked at once, however it arrives."""
    monkeypatch.setattr("kaito.cluster.api_client.bytearray", CountingBuffer, raising=False)
    CountingBuffer.searched = 0
    size = 2 * MIB

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(size // 4096):
            await response.write(b" " * 4096)
        await response.write(b'{"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "5"}}}\n')
        return response

    async def run() -> list[str]:
        async with api_server(kubeconfig, reporter, handler) as cluster:
            return [event.version async for event in cluster.events(PODS, Pod, {})]

    assert asyncio.run(run()) == ["5"]
    assert CountingBuffer.searched < 1.1 * size


@pytest.mark.parametrize("fragments", [1, 64])
def test_a_message_of_a_port_forward_that_is_too_large(
    kubeconfig: Any, reporter: Any, monkeypatch: pytest.MonkeyPatch, fragments: int
):
    monkeypatch.setattr(limits, "WEBSOCKET_MESSAGE", 2 * MIB)

    async def handler(request: web.Request) -> web.StreamResponse:
        side = web.WebSocketResponse(protocols=["v4.channel.k8s.io"], compress=False)
        await side.prepare(request)
        transport = request.transport
        assert isinstance(transport, asyncio.Transport)
        piece = b"a" * (16 * MIB // fragments)
        for number in range(fragments):
            # RFC 6455, 5.2: the bit of the last frame, the kind of the first one, and the length in eight bytes.
            head = (0x80 if number == fragments - 1 else 0) | (0x2 if number == 0 else 0)
            transport.write(bytes((head, 127)) + len(piece).to_bytes(8, "big") + piece)
        await side.receive()
        return side

    async def tunnel(cluster: ApiClient) -> None:
        try:
            await dial(cluster.websocket, PodPort(namespace="default", pod="a", port=5000))
        except TunnelError as exc:
            raise KaitoError(exc.message) from None

    error, peak = failure(kubeconfig, reporter, handler, tunnel)
    assert error.message == "The API server sent a message that is too large"
    assert peak < 64


def test_a_watch_without_an_end(kubeconfig: Any, reporter: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "API_LIST_ITEMS", 50)

    async def handler(request: web.Request) -> web.StreamResponse:
        if "watch" not in request.query:
            return web.json_response({"metadata": {"resourceVersion": "1"}, "items": []})
        response = web.StreamResponse()
        await response.prepare(request)
        for number in range(1000):
            item = {"metadata": {"name": f"p{number}", "resourceVersion": str(number)}}
            await response.write(json.dumps({"type": "ADDED", "object": item}).encode() + b"\n")
        return response

    async def use(cluster: ApiClient) -> None:
        async for _ in watch_objects(cluster, PODS, Pod):
            pass

    error, _ = failure(kubeconfig, reporter, handler, use)
    assert error.message == "The API server's watch of Pods does not end: 51 objects so far"


@pytest.mark.parametrize("body", ["{}", '{"message": "please log in"}', '{"kind": "Status", "code": 500}', "[]"])
def test_a_response_that_is_not_a_list(kubeconfig: Any, reporter: Any, body: str):
    async def handler(request: web.Request) -> web.Response:
        return web.Response(text=body, content_type="application/json")

    error, _ = failure(kubeconfig, reporter, handler, list_pods)
    assert error.exit_code == 4
    assert "is not an API server: its list of Pods" in error.message
