"""Logins that take longer than the short time limits of those who wait for them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from kaito.cluster.api_client import ApiClient
from kaito.cluster.workspaces import health_checks, probes
from tests.cluster.api_server import api_server

#: Seconds of a time limit, and of a login.
LIMIT, LOGIN = 1.5, 1.7

_PLUGIN = f"""#!{sys.executable}
import json, os, time
os.chdir(os.path.dirname(os.path.abspath(__file__)))
with open("runs", "a") as file:
    file.write("x")
while not os.path.exists("logged-in"):
    time.sleep(0.01)
info = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
print(json.dumps({{"kind": "ExecCredential", "apiVersion": info["apiVersion"], "status": {{"token": "given"}}}}))
"""


async def _problem(cluster: ApiClient) -> bool:
    return "does not exist" in await health_checks.fetch_problem(cluster, "default", "w")


async def _event(cluster: ApiClient) -> bool:
    return await probes.fetch_newest_event(cluster, "w-0", "default") is not None


async def _nodes(cluster: ApiClient) -> bool:
    nodes = await probes.fetch_nodes(cluster, ["a", "b"])
    return [node.ready for node in nodes] == [True, True]


async def _metrics(cluster: ApiClient) -> bool:
    return await probes.fetch_engine_metrics(cluster, "w", "default") is not None


async def _websocket(cluster: ApiClient) -> bool:
    websocket = await cluster.websocket("/tunnel", {}, [], timeout=LIMIT)
    return await websocket.close()


async def _all(cluster: ApiClient) -> bool:
    return all(await asyncio.gather(*(use(cluster) for use in USES)))


USES: list[Callable[[ApiClient], Awaitable[bool]]] = [_problem, _event, _nodes, _metrics, _websocket]


async def answer(request: web.Request) -> web.StreamResponse:
    assert request.headers["Authorization"] == "Bearer given"
    if request.path == "/tunnel":
        websocket = web.WebSocketResponse()
        await websocket.prepare(request)
        await websocket.receive()
        return websocket
    if request.path.endswith("/events"):
        return web.json_response({"items": [{"metadata": {"name": "e"}, "reason": "Pulled"}]})
    if "/nodes/" in request.path:
        return web.json_response(
            {"metadata": {"name": "a"}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}
        )
    if request.path.endswith("/metrics"):
        return web.Response(text="vllm:num_requests_running 1\n")
    if "/services/" in request.path:
        return web.json_response({"code": 404, "message": "not found", "reason": "NotFound"}, status=404)
    return web.json_response({"items": []})


@pytest.mark.parametrize("use", [*USES, _all])
def test_a_login_is_not_cut_and_not_repeated(
    kubeconfig: Any, reporter: Any, tmp_path: Path, monkeypatch: Any, use: Any
):
    monkeypatch.setattr(health_checks, "_TIMEOUT", LIMIT)
    monkeypatch.setattr(probes, "_PROBE_TIMEOUT", LIMIT)
    (tmp_path / "plugin").write_text(_PLUGIN)
    (tmp_path / "plugin").chmod(0o755)
    entry = {"command": "./plugin", "apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never"}

    async def run() -> None:
        async with api_server(kubeconfig, reporter, answer, exec=entry) as cluster:
            using = asyncio.create_task(use(cluster))
            await asyncio.wait([using], timeout=LOGIN)
            assert not using.done()
            (tmp_path / "logged-in").touch()
            assert await using

    asyncio.run(run())
    assert (tmp_path / "runs").read_text() == "x"
