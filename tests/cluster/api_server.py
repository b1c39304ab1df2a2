"""A loopback API server for tests of the client: its responses are a test's, in ways that a real server rarely shows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from kaito.cluster.api_client import ApiClient
from kaito.cluster.auth.cluster_config import find_cluster_config
from kaito.types import Target

PODS = "/api/v1/namespaces/default/pods"


def status(code: int, message: str, reason: str) -> web.Response:
    return web.json_response({"kind": "Status", "code": code, "message": message, "reason": reason}, status=code)


def hang_up(request: web.Request) -> None:
    assert request.transport is not None
    request.transport.abort()


def pod(name: str, version: str = "1") -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "default", "resourceVersion": version}}


@asynccontextmanager
async def api_server(
    kubeconfig: Any, reporter: Any, handler: Any, *, timeout: float = 5, **user: Any
) -> AsyncIterator[ApiClient]:
    """Yield a client of a server that responds to every request with `handler`."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    path = kubeconfig(server=f"http://127.0.0.1:{runner.addresses[0][1]}", user=user)
    try:
        async with ApiClient(
            find_cluster_config(Target(kubeconfig=str(path)), {}, reporter), reporter, request_timeout=timeout
        ) as cluster:
            yield cluster
    finally:
        await runner.cleanup()
