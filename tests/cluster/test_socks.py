"""The API server behind a SOCKS 5 proxy."""

import asyncio
import importlib.util
import re
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from kaito.cluster.api_client import ApiClient
from kaito.cluster.auth.cluster_config import find_cluster_config
from kaito.cluster.portforward import PodPort, dial
from kaito.errors import ClusterError, UsageError
from kaito.types import Target
from tests.cluster.portforward.node import OPENING

POD = PodPort(namespace="default", pod="demo-0", port=5000)


class SocksServer:
    """A SOCKS 5 server on loopback (RFC 1928, and RFC 1929 for passwords).

    Every name leads to loopback, as only the proxy knows the cluster's names.

    Args:
        login: the user name and password that it asks for.
        reply: the code of its answer; 0 for success.
    """

    def __init__(self, login=None, reply=0):
        self._login = login
        self._reply = reply
        self.targets = []

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *error):
        self._server.close()

    async def _serve(self, reader, writer):
        try:
            await self._negotiate(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _negotiate(self, reader, writer):
        _, count = await reader.readexactly(2)
        methods = await reader.readexactly(count)
        method = 2 if self._login else 0
        assert method in methods
        writer.write(bytes([5, method]))
        if self._login:
            await reader.readexactly(1)
            given = [(await reader.readexactly((await reader.readexactly(1))[0])).decode() for _ in range(2)]
            writer.write(bytes([1, tuple(given) != self._login]))
        _, command, _, kind = await reader.readexactly(4)
        assert command == 1
        host = await reader.readexactly((await reader.readexactly(1))[0] if kind == 3 else 4)
        port = int.from_bytes(await reader.readexactly(2), "big")
        self.targets.append((host.decode() if kind == 3 else ".".join(map(str, host)), port))
        writer.write(bytes([5, self._reply, 0, 1, 0, 0, 0, 0, 0, 0]))
        if self._reply:
            return
        other_reader, other_writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            await asyncio.gather(self._pump(reader, other_writer), self._pump(other_reader, writer))
        finally:
            other_writer.close()

    async def _pump(self, reader, writer):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def api_server():
    async def get(request):
        return web.json_response({"kind": "Pod", "authorization": request.headers.get("Authorization")})

    async def forward(request):
        websocket = web.WebSocketResponse(protocols=["v4.channel.k8s.io"])
        await websocket.prepare(request)
        for message in OPENING:
            await websocket.send_bytes(message)
        await websocket.send_bytes((await websocket.receive()).data)
        await websocket.receive()
        return websocket

    app = web.Application()
    app.router.add_get("/api/v1/namespaces/default/pods/demo-0/portforward", forward)
    app.router.add_get("/{path:.*}", get)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


class Echo(asyncio.Protocol):
    def __init__(self):
        self.received = asyncio.get_running_loop().create_future()

    def data_received(self, data):
        self.received.set_result(data)


@pytest.mark.parametrize("login", [None, ("jo", "se same")])
def test_requests_and_tunnels_go_through_the_proxy(kubeconfig, reporter, login):
    async def run():
        async with api_server() as port, SocksServer(login) as proxy:
            credentials = f"{login[0]}:{login[1].replace(' ', '%20')}@" if login else ""
            path = kubeconfig(
                server=f"http://api.cluster.invalid:{port}",
                cluster={"proxy-url": f"socks5://{credentials}127.0.0.1:{proxy.port}"},
                user={"token": "t"},
            )
            async with ApiClient(find_cluster_config(Target(kubeconfig=str(path)), {}, reporter), reporter) as client:
                assert b"Bearer t" in await client.read("/api/v1/x")
                tunnel = await dial(client.websocket, POD)
                echo = Echo()
                tunnel.set_protocol(echo)
                tunnel.write(b"through")
                assert await asyncio.wait_for(echo.received, 60) == b"through"
                tunnel.abort()
                await tunnel.closed
            # The tunnel may take over the connection of the request.
            assert {*proxy.targets} == {("api.cluster.invalid", port)}

    asyncio.run(run())


def failure(kubeconfig, reporter, server):
    async def run():
        async with server as proxy:
            path = kubeconfig(
                server="http://api.cluster.invalid:80",
                cluster={"proxy-url": f"socks5://jo:sesame@127.0.0.1:{proxy.port}"},
            )
            async with ApiClient(find_cluster_config(Target(kubeconfig=str(path)), {}, reporter), reporter) as client:
                with pytest.raises(ClusterError) as caught:
                    await client.read("/api/v1/x", retries=False)
                assert "sesame" not in "".join(caught.value.lines())
                return caught.value

    return asyncio.run(run())


@pytest.mark.parametrize(
    "server", [SocksServer(reply=1), SocksServer(reply=2), SocksServer(reply=5), SocksServer(("jo", "other"))]
)
def test_a_proxy_that_refuses(kubeconfig, reporter, server):
    error = failure(kubeconfig, reporter, server)
    assert error.message.startswith("The proxy to the API server http://api.cluster.invalid failed: ")


def test_a_proxy_that_is_not_there(kubeconfig, reporter):
    class Gone(SocksServer):
        async def __aenter__(self):
            await super().__aenter__()
            self._server.close()
            await self._server.wait_closed()
            return self

    assert failure(kubeconfig, reporter, Gone()).message.endswith("failed: Connection refused")


def test_without_the_extra(kubeconfig, reporter, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    path = kubeconfig(cluster={"proxy-url": "socks5://127.0.0.1:1"})
    with pytest.raises(UsageError) as caught:
        find_cluster_config(Target(kubeconfig=str(path)), {}, reporter)
    assert caught.value.message.endswith(
        "cluster 'config-cluster': proxy-url: it names a SOCKS proxy, which needs the package 'python-socks'"
    )
    [hint] = caught.value.hints
    assert re.fullmatch(r"To install it: .* 'python-socks\[asyncio\]>=2.7'", hint)


def test_proxy_of_the_environment(kubeconfig, reporter, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1")
    config = find_cluster_config(Target(kubeconfig=str(kubeconfig(server="https://far:443"))), {}, reporter)
    assert (str(config.socks), config.proxy) == ("socks5://127.0.0.1", None)
