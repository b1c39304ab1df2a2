"""aiohttp's client with tunnels."""

import asyncio
import errno
import inspect
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp.client_proto import ResponseHandler
from msgspec.structs import replace
from yarl import URL

from kaito.cluster.portforward import TunnelConnector, TunnelError, TunnelPool
from kaito.errors import NotFoundError
from kaito.net.failures import NoResponseError
from kaito.net.http_session import EndpointSession
from kaito.openai.client import ChatClient
from kaito.settings import Settings
from kaito.testing import Say
from kaito.types import ChatRequest, Delta, Endpoint, Message
from tests.cluster.portforward.node import POD, forward_to, in_loop, node

ENDPOINT = Endpoint(url="http://demo", shown_url="http://demo/chat/completions", label="x")


@asynccontextmanager
async def session(connect, **more):
    async with aiohttp.ClientSession(connector=TunnelConnector(connect), **more) as opened:
        yield opened


@asynccontextmanager
async def pool(served, pod=POD):
    async def locate():
        return pod

    async with TunnelPool(served.dial, locate) as tunnels:
        yield tunnels


def forwarded(server):
    url = URL(server.url)
    return node(forward_to(url.host, url.port))


@in_loop
async def test_each_request_has_its_own_tunnel(model_server):
    async with forwarded(model_server) as served, pool(served) as tunnels, session(tunnels.connect) as http:
        for _ in range(3):
            async with http.get("http://demo/v1/models") as response:
                assert response.status == 200
                assert (await response.json())["object"] == "list"
        assert len(served.sides) >= 3


def test_chat(model_server):
    model_server.enqueue(Say("Hello from the pod"))

    async def chat():
        async with forwarded(model_server) as served, pool(served) as tunnels:
            endpoint = Endpoint(
                url="http://demo",
                shown_url="http://demo/chat/completions",
                label="x",
                connector=lambda: TunnelConnector(tunnels.connect),
                tunnelled=True,
            )
            async with ChatClient(endpoint, Settings()) as client:
                request = ChatRequest(messages=(Message("user", "Hi"),), max_tokens=100, temperature=0.5)
                items = [item async for item in client.stream(request)]
        return "".join(item.content for item in items if isinstance(item, Delta))

    assert asyncio.run(chat()) == "Hello from the pod"


@in_loop
async def test_concurrent_requests(model_server):
    async with forwarded(model_server) as served, pool(served) as tunnels, session(tunnels.connect) as http:

        async def ask(number):
            body = {"messages": [{"role": "user", "content": f"message {number}"}]}
            async with http.post("http://demo/v1/chat/completions", json=body) as response:
                return (await response.json())["choices"][0]["message"]["content"]

        answers = await asyncio.gather(*(ask(number) for number in range(64)))
    assert all(f"message {number}" in answer for number, answer in enumerate(answers))


@in_loop
async def test_body_that_ends_with_the_connection():
    async def pod(side):
        await side.receive()
        await side.send(b"HTTP/1.1 200 OK\r\n\r\nthe whole")
        await side.send(b" body")

    async with (
        node(pod) as served,
        pool(served) as tunnels,
        session(tunnels.connect) as http,
        http.get("http://demo/") as response,
    ):
        assert await response.read() == b"the whole body"


@in_loop
async def test_response_fails_when_the_pod_is_replaced():
    async def pod(side):
        await side.receive()
        await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        await side.rest()

    async with (
        node(pod) as served,
        pool(served) as tunnels,
        session(tunnels.connect) as http,
        http.get("http://demo/") as response,
    ):
        assert await response.content.readany() == b"half"
        tunnels.drop("The pod demo-0 was replaced")
        with pytest.raises(aiohttp.ClientPayloadError, match="The pod demo-0 was replaced"):
            await response.content.readany()


# Errors


@in_loop
async def test_refused_connection():
    async def open(factory):
        raise TunnelError("dial tcp: connection refused", refused=True)

    async with session(open) as http:
        with pytest.raises(aiohttp.ClientConnectorError) as caught:
            await http.get("http://demo/")
        assert isinstance(caught.value.os_error, TunnelError)
    endpoint = replace(ENDPOINT, connector=lambda: TunnelConnector(open), tunnelled=True)
    async with EndpointSession(endpoint, Settings()) as http:
        with pytest.raises(NoResponseError) as failed:
            await http.request("GET", URL("http://demo/"))
    assert failed.value.refused


@in_loop
async def test_connection_refused_after_the_tunnel_was_open():
    async def pod(side):
        await side.receive()
        await side.error(b"dial tcp: connection refused")

    async with node(pod) as served, pool(served) as tunnels, session(tunnels.connect) as http:
        with pytest.raises(aiohttp.ClientOSError) as caught:
            await http.get("http://demo/")
    assert caught.value.errno == errno.ECONNREFUSED
    assert caught.value.strerror == "dial tcp: connection refused"


@in_loop
async def test_kaito_error_is_passed_on():
    error = NotFoundError("No pod", "hint")

    async def open(factory):
        raise error

    async with session(open) as http:
        with pytest.raises(NotFoundError) as caught:
            await http.get("http://demo/")
    assert caught.value is error


@pytest.mark.parametrize("limit", ["connect", "sock_connect"])
@in_loop
async def test_connect_timeout(limit):
    async def open(factory):
        await asyncio.Event().wait()

    async with session(open, timeout=aiohttp.ClientTimeout(**{limit: 0.05})) as http:
        with pytest.raises(aiohttp.ConnectionTimeoutError):
            await http.get("http://demo/")


@in_loop
async def test_timeout_of_the_network():
    async def open(factory):
        raise TimeoutError(errno.ETIMEDOUT, "timed out")

    async with session(open) as http:
        with pytest.raises(aiohttp.ClientConnectorError):
            await http.get("http://demo/")


# aiohttp's private interface


@in_loop
async def test_aiohttp_still_has_the_overridden_method():
    for connector in (aiohttp.BaseConnector, aiohttp.UnixConnector, TunnelConnector):
        parameters = list(inspect.signature(connector._create_connection).parameters)
        assert parameters == ["self", "req", "traces", "timeout"]
        assert inspect.iscoroutinefunction(connector._create_connection)
    async with aiohttp.BaseConnector() as base:
        protocol = base._factory()
    assert isinstance(protocol, ResponseHandler)
    assert isinstance(protocol, asyncio.Protocol)
