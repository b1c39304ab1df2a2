"""A port-forward whose handshake hangs or is malformed: the contract's error, and with `auto` the next backend."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from kaito.endpoints.backend_choice import choose_backends
from kaito.endpoints.selection import open_endpoint
from kaito.errors import ConnectError, ExitCode
from kaito.plugin.manager import create_plugins
from kaito.settings import Settings
from kaito.testing import RecordingReporter
from kaito.types import Target

PORT = b"\x88\x13"
READY = {"type": "Ready", "status": "True"}


def objects(namespace: str = "default") -> dict[str, Any]:
    """Return the objects of a ready workspace by their paths."""
    core = f"/api/v1/namespaces/{namespace}"
    pod = {
        "metadata": {"name": "w-0", "namespace": namespace, "uid": "u", "labels": {"kaito.sh/workspace": "w"}},
        "status": {"phase": "Running", "conditions": [READY]},
    }
    endpoint = {"targetRef": {"kind": "Pod", "name": "w-0", "uid": "u"}, "conditions": {}}
    return {
        f"/apis/kaito.sh/v1beta1/namespaces/{namespace}/workspaces/w": {
            "metadata": {"name": "w", "namespace": namespace},
            "inference": {"preset": {"name": "phi"}},
            "status": {"state": "Ready"},
        },
        f"{core}/services/w": {
            "metadata": {"name": "w", "namespace": namespace},
            "spec": {"ports": [{"port": 80, "name": "http", "targetPort": 5000}], "selector": {}},
        },
        f"{core}/pods": {"items": [pod]},
        f"{core}/pods/w-0": pod,
        f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices": {
            "items": [{"metadata": {"name": "w-x"}, "ports": [{"name": "http", "port": 5000}], "endpoints": [endpoint]}]
        },
    }


Handshake = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def cluster(kubeconfig: Any, handshake: Handshake) -> AsyncIterator[str]:
    """Serve a workspace whose port-forward is a test's; yield the kubeconfig."""
    known = objects()

    async def handler(request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/portforward"):
            return await handshake(request)
        if request.path in known and "watch" not in request.query:
            return web.json_response(known[request.path])
        if request.method == "POST":
            return web.json_response({"status": {"allowed": True}}, status=201)
        return web.Response(status=404, text="404 page not found\n")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield str(kubeconfig(server=f"http://127.0.0.1:{runner.addresses[0][1]}"))
    finally:
        await runner.cleanup()


def sending(*messages: bytes | str, protocols: tuple[str, ...] = ("v4.channel.k8s.io",)) -> Handshake:
    """Return a handshake after which these messages are sent."""

    async def handshake(request: web.Request) -> web.StreamResponse:
        side = web.WebSocketResponse(protocols=protocols, compress=False, timeout=0.1)
        await side.prepare(request)
        for message in messages:
            await (side.send_str(message) if isinstance(message, str) else side.send_bytes(message))
        if messages:
            await side.receive()
        return side

    return handshake


async def hanging(request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(60)
    raise AssertionError


async def silent(request: web.Request) -> web.StreamResponse:
    side = web.WebSocketResponse(protocols=("v4.channel.k8s.io",), compress=False, timeout=0.1)
    await side.prepare(request)
    await side.receive()
    return side


async def garbage(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(status=101, headers={"Upgrade": "websocket", "Connection": "upgrade"})
    await response.prepare(request)
    return response


async def cut(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    raise asyncio.CancelledError


def answering(code: int, text: str = "") -> Handshake:
    async def handshake(request: web.Request) -> web.StreamResponse:
        return web.Response(status=code, text=text)

    return handshake


HANDSHAKES: dict[str, Handshake] = {
    "no response": hanging,
    "no message": silent,
    "closed at once": sending(),
    "cut": cut,
    "another protocol": garbage,
    "no subprotocol": sending(b"\0" + PORT, protocols=()),
    "empty message": sending(b""),
    "short message": sending(b"\0"),
    "half a port": sending(b"\0\x88"),
    "another port": sending(b"\0\x89\x13"),
    "unknown channel": sending(b"\7" + PORT),
    "text": sending("hello"),
    "data before the port": sending(b"\0" + PORT, b"\0hello"),
    "error before the port": sending(b"\1pod is not running"),
    "200": answering(200, "{}"),
    "400": answering(400, "bad request"),
    "404": answering(404, '{"kind": "Status", "reason": "NotFound", "message": "pods \\"w-0\\" not found"}'),
    "418": answering(418, "\x1b[31mteapot"),
    "500": answering(500, "boom"),
}
#: Python's and our own names, which mean nothing to a user.
INTERNAL = (
    "TunnelError",
    "FrameError",
    "ClusterError",
    "WSServerHandshakeError",
    "TimeoutError",
    "Traceback",
    "bug in",
)


def use(kubeconfig: Any, handshake: Handshake, backend: str) -> tuple[str, RecordingReporter]:
    """Open an endpoint; return its backend."""
    reporter = RecordingReporter()

    @asynccontextmanager
    async def connect(offered: Any, endpoint: Any) -> AsyncIterator[str]:
        yield offered.value.name

    async def run() -> str:
        async with asyncio.timeout(90), cluster(kubeconfig, handshake) as path:
            target = Target(workspace="w", kubeconfig=path)
            settings = Settings(target=target, backend=backend, connect_timeout=2.0)
            plugins = create_plugins(warn=print)
            backends = choose_backends(plugins, settings)
            async with open_endpoint(backends, plugins, settings, reporter, connect) as name:
                return name

    return asyncio.run(run()), reporter


def test_a_pod_that_is_listed_and_not_found_is_not_asked_for_again_and_again(kubeconfig: Any):
    requests = 0

    async def missing(request: web.Request) -> web.StreamResponse:
        nonlocal requests
        requests += 1
        return await HANDSHAKES["404"](request)

    with pytest.raises(ConnectError) as caught:
        use(kubeconfig, missing, "port-forward")
    assert caught.value.details[0] == 'pods "w-0" not found'
    assert requests < 20


@pytest.fixture(autouse=True)
def no_delays(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("kaito.cluster.portforward.pod_route._INTERVAL", 0.01)
    monkeypatch.setattr("kaito.cluster.api_retry._BACKOFF", 0.001)


@pytest.mark.parametrize("name", HANDSHAKES)
def test_the_error_is_the_contracts(kubeconfig: Any, name: str):
    with pytest.raises(ConnectError) as caught:
        use(kubeconfig, HANDSHAKES[name], "port-forward")
    error = caught.value
    assert error.exit_code is ExitCode.UNREACHABLE
    lines = error.lines()
    assert lines[:2] == [
        "❌ Error: Unable to connect to workspace endpoint",
        "   Endpoint: http://w.default.svc.cluster.local/chat/completions",
    ]
    assert not [one for one in INTERNAL if one in "\n".join(lines)]
    assert "\x1b" not in "".join(error.details)


@pytest.mark.parametrize("name", HANDSHAKES)
def test_auto_uses_the_next_backend(kubeconfig: Any, name: str):
    assert use(kubeconfig, HANDSHAKES[name], "auto")[0] == "api-proxy"
