"""The API server's client against a loopback stand-in: what a real one does seldom, and never on demand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from kaito.cluster.api_client import ApiClient
from kaito.cluster.api_errors import Missing, NotServed, PermissionMissing, Unavailable
from kaito.cluster.auth.cluster_config import find_cluster_config
from kaito.cluster.auth.credentials import Credentials
from kaito.errors import ClusterError, ForbiddenError, KaitoError
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
    """Yield a client of a server that answers everything by `handler`."""
    app = web.Application()
    app.router.add_get("/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    path = kubeconfig(server=f"http://127.0.0.1:{runner.addresses[0][1]}", user=user)
    try:
        async with ApiClient(
            find_cluster_config(Target(kubeconfig=str(path)), {}, reporter), request_timeout=timeout
        ) as cluster:
            yield cluster
    finally:
        await runner.cleanup()


async def failure(cluster: ApiClient) -> KaitoError:
    with pytest.raises(KaitoError) as caught:
        await cluster.get(PODS)
    return caught.value


@pytest.mark.parametrize(
    ("answer", "kind", "exit_code", "words"),
    [
        (lambda: status(404, 'pods "x" not found', "NotFound"), Missing, 3, "not found"),
        (lambda: web.Response(status=404, text="404 page not found\n"), NotServed, 3, "404 page not found"),
        (lambda: status(401, "Unauthorized", "Unauthorized"), ForbiddenError, 5, "does not accept your credentials"),
        (lambda: web.Response(status=302, headers={"Location": "/login"}), ClusterError, 4, "redirects to /login"),
        (lambda: web.Response(status=500, text="boom"), Unavailable, 4, "boom (HTTP 500)"),
        (lambda: web.Response(status=200, text="<html>"), ClusterError, 4, "is no API server"),
        (lambda: web.Response(status=418, body=b"\xff"), KaitoError, 1, "HTTP 418"),
    ],
)
def test_refusals(kubeconfig, reporter, monkeypatch, answer, kind, exit_code, words):
    monkeypatch.setattr("kaito.cluster.api_client._PAUSE", 0.001)

    async def run() -> None:
        async def handler(request: web.Request) -> web.Response:
            response: web.Response = answer()
            return response

        async with api_server(kubeconfig, reporter, handler) as cluster:
            exc = await failure(cluster)
            assert isinstance(exc, kind)
            assert exc.exit_code == exit_code
            assert words in exc.message

    asyncio.run(run())


@pytest.mark.parametrize(
    ("message", "needed", "check"),
    [
        (
            'pods "a" is forbidden: User "jo" cannot create resource "pods/portforward" in API group "" in the '
            'namespace "team"',
            "create pods/portforward",
            "kubectl auth can-i create pods --subresource=portforward -n team",
        ),
        (
            'x is forbidden: User "jo" cannot list resource "workspaces" in API group "kaito.sh" at the cluster scope',
            "list workspaces.kaito.sh",
            "kubectl auth can-i list workspaces.kaito.sh -A",
        ),
    ],
)
def test_a_missing_permission_is_named(kubeconfig, reporter, message, needed, check):
    async def run() -> None:
        async def handler(request: web.Request) -> web.Response:
            return status(403, message, "Forbidden")

        async with api_server(kubeconfig, reporter, handler) as cluster:
            exc = await failure(cluster)
            assert isinstance(exc, PermissionMissing)
            assert exc.needed == needed
            assert f"User 'jo' may not {needed}" in exc.message
            assert exc.hints[-1] == f"To check: {check}"

    asyncio.run(run())


def test_a_busy_server_is_asked_again(kubeconfig, reporter, monkeypatch):
    monkeypatch.setattr("kaito.cluster.api_client._PAUSE", 0.001)
    asked = 0

    async def run() -> None:
        async def handler(request: web.Request) -> web.Response:
            nonlocal asked
            asked += 1
            return status(429, "too many", "TooManyRequests") if asked < 3 else web.json_response(pod("a"))

        async with api_server(kubeconfig, reporter, handler) as cluster:
            assert (await cluster.get(PODS))["metadata"]["name"] == "a"

    asyncio.run(run())


def test_a_token_that_was_rotated_is_read_again_when_refused(kubeconfig, reporter, tmp_path):
    (tmp_path / "token").write_text("old")

    async def run() -> None:
        async def handler(request: web.Request) -> web.Response:
            if request.headers["Authorization"] == "Bearer new":
                return web.json_response(pod("a"))
            (tmp_path / "token").write_text("new")
            return status(401, "Unauthorized", "Unauthorized")

        async with api_server(kubeconfig, reporter, handler, tokenFile="token") as cluster:
            assert await cluster.get(PODS)

    asyncio.run(run())


def test_a_list_comes_in_pages(kubeconfig, reporter):
    async def run() -> None:
        async def handler(request: web.Request) -> web.Response:
            if request.query.get("continue") == "more":
                return web.json_response({"metadata": {"resourceVersion": "9"}, "items": [pod("b")]})
            return web.json_response({"metadata": {"continue": "more"}, "items": [pod("a")]})

        async with api_server(kubeconfig, reporter, handler) as cluster:
            assert [item["metadata"]["name"] for item in await cluster.items(PODS)] == ["a", "b"]

    asyncio.run(run())


def test_following_goes_on_after_a_cut_a_410_and_an_end(kubeconfig, reporter, monkeypatch):
    monkeypatch.setattr("kaito.cluster.api_client._PAUSE", 0.001)
    lists, watches, versions = 0, 0, []

    async def run() -> None:
        async def handler(request: web.Request) -> web.StreamResponse:
            nonlocal lists, watches
            if "watch" not in request.query:
                lists += 1
                if lists == 2:
                    return web.Response(status=503, text="starting")
                items = [pod(name) for name in "abc"[:lists]]
                return web.json_response({"metadata": {"resourceVersion": str(lists * 10)}, "items": items})
            watches += 1
            versions.append(request.query["resourceVersion"])
            response = web.StreamResponse()
            await response.prepare(request)

            async def send(kind: str, item: dict[str, Any]) -> None:
                line = json.dumps({"type": kind, "object": item}).encode() + b"\n"
                await response.write(line[:7])
                await response.write(line[7:])

            if watches == 1:
                await send("ADDED", pod("z", "11"))
                await send("BOOKMARK", {"metadata": {"resourceVersion": "15"}})
            elif watches == 2:
                await send("ERROR", {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"})
            elif watches == 3:
                await send("DELETED", pod("a", "31"))
                hang_up(request)
            else:
                await asyncio.sleep(60)
            return response

        lost: list[KaitoError] = []
        seen: list[list[str]] = []
        async with api_server(kubeconfig, reporter, handler) as cluster:
            following = cluster.follow(PODS, lost=lost.append)
            async for objects in following:
                seen.append(sorted(key.partition("/")[2] for key in objects))
                if len(seen) == 5:
                    break
            await following.aclose()
        assert seen == [["a"], ["a", "z"], ["a", "b", "c"], ["b", "c"], ["a", "b", "c"]]
        assert versions[:3] == ["10", "15", "30"]
        assert len(lost) == 1

    asyncio.run(run())


def test_the_first_list_of_following_fails_as_it_is(kubeconfig, reporter):
    async def run() -> None:
        async def handler(request: web.Request) -> web.Response:
            return web.Response(status=404, text="404 page not found")

        async with api_server(kubeconfig, reporter, handler) as cluster:
            with pytest.raises(NotServed):
                await anext(cluster.follow(PODS))

    asyncio.run(run())


def test_a_server_that_says_nothing(kubeconfig, reporter):
    async def run() -> None:
        async def handler(request: web.Request) -> web.Response:
            await asyncio.sleep(60)
            raise AssertionError

        async with api_server(kubeconfig, reporter, handler, timeout=0.1) as cluster:
            exc = await failure(cluster)
            assert "did not respond in time (--request-timeout)" in exc.message

    asyncio.run(run())


def test_a_tunnel_is_not_redirected(kubeconfig, reporter):
    seen = []

    async def run() -> None:
        async def handler(request: web.Request) -> web.Response:
            seen.append(request.path)
            return web.Response(status=302, headers={"Location": "/elsewhere?session=secret"})

        async with api_server(kubeconfig, reporter, handler, token="sesame") as cluster:
            with pytest.raises(ClusterError) as caught:
                await cluster.websocket("/tunnel", {}, ["v4.channel.k8s.io"])
            assert "redirects to /elsewhere" in caught.value.message
            assert "secret" not in caught.value.message

    asyncio.run(run())
    assert set(seen) == {"/tunnel"}


def test_a_password_in_the_server_s_url_is_not_shown(kubeconfig, reporter):
    access = find_cluster_config(
        Target(kubeconfig=str(kubeconfig(server="https://joe:sesame@127.0.0.1:1"))), {}, reporter
    )
    assert "sesame" not in str(access.server)


def test_a_new_certificate_leaves_what_is_open_alone(kubeconfig, reporter, monkeypatch):
    """What a tunnel began with, it keeps."""

    async def run() -> None:
        async def handler(request: web.Request) -> web.StreamResponse:
            if request.path != "/tunnel":
                return web.json_response(pod("a"))
            websocket = web.WebSocketResponse(protocols=["v4.channel.k8s.io"])
            await websocket.prepare(request)
            async for message in websocket:
                await websocket.send_bytes(message.data)
            return websocket

        async with api_server(kubeconfig, reporter, handler) as cluster:
            tunnel = await cluster.websocket("/tunnel", {}, ["v4.channel.k8s.io"])
            grants = cluster.access.credentials
            before = await grants.grant()

            async def renewed(refused: Credentials | None = None) -> Credentials:
                return Credentials(authorization=before.authorization, certificate=b"new", key=b"new")

            monkeypatch.setattr(grants, "grant", renewed)
            assert await cluster.get(PODS)
            await tunnel.send_bytes(b"still here")
            assert (await tunnel.receive()).data == b"still here"
            await tunnel.close()

    asyncio.run(run())


def test_a_server_that_hangs_up(kubeconfig, reporter):
    async def run() -> None:
        async def handler(request: web.Request) -> web.Response:
            hang_up(request)
            return web.Response()

        async with api_server(kubeconfig, reporter, handler) as cluster:
            exc = await failure(cluster)
            assert isinstance(exc, ClusterError)
            assert "was lost" in exc.message

    asyncio.run(run())
