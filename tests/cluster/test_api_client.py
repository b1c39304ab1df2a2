"""The client for the API server: errors, retries, renewed credentials and WebSockets."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import threading
from typing import Any

import pytest
from aiohttp import web

from kaito.cluster.api_client import ApiClient
from kaito.cluster.api_errors import (
    ApiUnavailableError,
    KindNotServedError,
    MissingPermissionError,
    ObjectNotFoundError,
)
from kaito.cluster.auth.cluster_config import find_cluster_config
from kaito.cluster.auth.credentials import Credentials
from kaito.cluster.kinds import Pod
from kaito.errors import ClusterError, ForbiddenError, KaitoError
from kaito.types import Target
from tests.cluster.api_server import PODS, api_server, hang_up, pod, status
from tests.controlplane.certificates import Authority


async def failure(cluster: ApiClient) -> KaitoError:
    with pytest.raises(KaitoError) as caught:
        await cluster.get(PODS, Pod)
    return caught.value


@pytest.mark.parametrize(
    ("answer", "kind", "exit_code", "message"),
    [
        (lambda: status(404, 'pods "x" not found', "NotFound"), ObjectNotFoundError, 3, "not found"),
        (lambda: web.Response(status=404, text="404 page not found\n"), KindNotServedError, 3, "404 page not found"),
        (lambda: status(401, "Unauthorized", "Unauthorized"), ForbiddenError, 5, "rejected your credentials"),
        (lambda: web.Response(status=302, headers={"Location": "/login"}), ClusterError, 4, "redirects to /login"),
        (lambda: web.Response(status=500, text="boom"), ApiUnavailableError, 4, "boom (HTTP 500)"),
        (lambda: web.Response(status=200, text="<html>"), ClusterError, 4, "is not an API server"),
        (lambda: web.Response(status=418, body=b"\xff"), KaitoError, 1, "HTTP 418"),
    ],
)
def test_error_responses(kubeconfig, reporter, monkeypatch, answer, kind, exit_code, message):
    monkeypatch.setattr("kaito.cluster.api_retry._BACKOFF", 0.001)

    async def run() -> None:
        async def handler(request: web.Request) -> web.Response:
            response: web.Response = answer()
            return response

        async with api_server(kubeconfig, reporter, handler) as cluster:
            exc = await failure(cluster)
            assert isinstance(exc, kind)
            assert exc.exit_code == exit_code
            assert message in exc.message

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
def test_forbidden_error_names_the_permission(kubeconfig, reporter, message, needed, check):
    async def run() -> None:
        async def handler(request: web.Request) -> web.Response:
            return status(403, message, "Forbidden")

        async with api_server(kubeconfig, reporter, handler) as cluster:
            exc = await failure(cluster)
            assert isinstance(exc, MissingPermissionError)
            assert exc.needed == needed
            assert f"User 'jo' may not {needed}" in exc.message
            assert re.fullmatch(rf"To check: {check} --kubeconfig \S+", exc.hints[-1])

    asyncio.run(run())


def test_busy_server_is_retried(kubeconfig, reporter, monkeypatch):
    monkeypatch.setattr("kaito.cluster.api_retry._BACKOFF", 0.001)
    requests = 0

    async def run() -> None:
        async def handler(request: web.Request) -> web.Response:
            nonlocal requests
            requests += 1
            return status(429, "too many", "TooManyRequests") if requests < 3 else web.json_response(pod("a"))

        async with api_server(kubeconfig, reporter, handler) as cluster:
            assert (await cluster.get(PODS, Pod)).name == "a"

    asyncio.run(run())


def test_rejected_token_is_read_again(kubeconfig, reporter, tmp_path):
    (tmp_path / "token").write_text("old")

    async def run() -> None:
        async def handler(request: web.Request) -> web.Response:
            if request.headers["Authorization"] == "Bearer new":
                return web.json_response(pod("a"))
            (tmp_path / "token").write_text("new")
            return status(401, "Unauthorized", "Unauthorized")

        async with api_server(kubeconfig, reporter, handler, tokenFile="token") as cluster:
            assert await cluster.get(PODS, Pod)

    asyncio.run(run())


def test_list_with_several_pages(kubeconfig, reporter):
    async def run() -> None:
        async def handler(request: web.Request) -> web.Response:
            if request.query.get("continue") == "more":
                return web.json_response({"metadata": {"resourceVersion": "9"}, "items": [pod("b")]})
            return web.json_response({"metadata": {"continue": "more"}, "items": [pod("a")]})

        async with api_server(kubeconfig, reporter, handler) as cluster:
            assert [item.name for item in await cluster.items(PODS, Pod)] == ["a", "b"]

    asyncio.run(run())


def test_server_that_does_not_respond(kubeconfig, reporter):
    async def run() -> None:
        async def handler(request: web.Request) -> web.Response:
            await asyncio.sleep(60)
            raise AssertionError

        async with api_server(kubeconfig, reporter, handler, timeout=0.1) as cluster:
            exc = await failure(cluster)
            assert "did not respond in time (--request-timeout)" in exc.message

    asyncio.run(run())


def test_redirected_websocket_is_rejected(kubeconfig, reporter):
    seen = []

    async def run() -> None:
        async def handler(request: web.Request) -> web.Response:
            seen.append(request.path)
            return web.Response(status=302, headers={"Location": "/elsewhere?session=secret"})

        async with api_server(kubeconfig, reporter, handler, token="sesame") as cluster:
            with pytest.raises(ClusterError) as caught:
                await cluster.websocket("/tunnel", {}, ["v4.channel.k8s.io"], timeout=5)
            assert "redirects to /elsewhere" in caught.value.message
            assert "secret" not in caught.value.message

    asyncio.run(run())
    assert set(seen) == {"/tunnel"}


def test_password_in_the_server_url_is_removed(kubeconfig, reporter):
    config = find_cluster_config(
        Target(kubeconfig=str(kubeconfig(server="https://joe:sesame@127.0.0.1:1"))), {}, reporter
    )
    assert "sesame" not in str(config.server)


def test_renewed_certificate_does_not_close_open_websockets(kubeconfig, reporter, monkeypatch):
    async def run() -> None:
        async def handler(request: web.Request) -> web.StreamResponse:
            if request.path != "/tunnel":
                return web.json_response(pod("a"))
            websocket = web.WebSocketResponse(protocols=["v4.channel.k8s.io"], timeout=5)
            await websocket.prepare(request)
            async for message in websocket:
                await websocket.send_bytes(message.data)
            return websocket

        async with api_server(kubeconfig, reporter, handler) as cluster:
            tunnel = await cluster.websocket("/tunnel", {}, ["v4.channel.k8s.io"], timeout=5)
            source = cluster.config.credentials
            before = await source.get()

            async def renewed(rejected: Credentials | None = None) -> Credentials:
                return Credentials(authorization=before.authorization, certificate=b"new", key=b"new")

            monkeypatch.setattr(source, "get", renewed)
            assert await cluster.get(PODS, Pod)
            await tunnel.send_bytes(b"still here")
            assert (await tunnel.receive()).data == b"still here"
            await tunnel.close()

    asyncio.run(run())


def test_server_that_closes_the_connection(kubeconfig, reporter):
    async def run() -> None:
        async def handler(request: web.Request) -> web.Response:
            hang_up(request)
            return web.Response()

        async with api_server(kubeconfig, reporter, handler) as cluster:
            exc = await failure(cluster)
            assert isinstance(exc, ClusterError)
            assert "was lost" in exc.message

    asyncio.run(run())


def test_client_leaves_no_connection_open(kubeconfig, reporter, tmp_path):
    """The server neither reads nor closes: TLS would wait for it."""
    pair = Authority("ca").server("api", ["127.0.0.1"])
    (tmp_path / "server.pem").write_bytes(pair.public + pair.private)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "server.pem")
    done = threading.Event()

    def serve(listener: socket.socket) -> None:
        plain, _ = listener.accept()
        with plain, tls.wrap_socket(plain, server_side=True) as connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}")
            done.wait(20)

    async def run(port: int) -> list[Any]:
        path = kubeconfig(server=f"https://127.0.0.1:{port}", cluster={"insecure-skip-tls-verify": True})
        selector = asyncio.get_running_loop()._selector  # type: ignore[attr-defined]
        before = set(selector.get_map())
        async with ApiClient(find_cluster_config(Target(kubeconfig=str(path)), {}, reporter), reporter) as cluster:
            assert await cluster.read(PODS) == b"{}"
        return [*set(selector.get_map()) - before]

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        try:
            assert asyncio.run(run(listener.getsockname()[1])) == []
        finally:
            done.set()
            thread.join()
