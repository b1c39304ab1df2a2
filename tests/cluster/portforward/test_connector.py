"""aiohttp's client on tunnels."""

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
async def test_requests_go_through_and_none_shares_a_tunnel(model_server):
    async with forwarded(model_server) as served, pool(served) as tunnels, session(tunnels.connect) as http:
        for _ in range(3):
            async with http.get("http://demo/v1/models") as response:
                assert response.status == 200
                assert (await response.json())["object"] == "list"
        assert len(served.sides) >= 3


def test_a_chat_goes_through(model_server):
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
async def test_64_requests_at_once(model_server):
    async with forwarded(model_server) as served, pool(served) as tunnels, session(tunnels.connect) as http:

        async def ask(number):
            body = {"messages": [{"role": "user", "content": f"message {number}"}]}
            async with http.post("http://demo/v1/chat/completions", json=body) as response:
                return (await response.json())["choices"][0]["message"]["content"]

        answers = await asyncio.gather(*(ask(number) for number in range(64)))
    assert all(f"message {number}" in answer for number, answer in enumerate(answers))


@in_loop
async def test_a_body_that_ends_with_its_connection():
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
async def test_an_answer_in_flight_ends_with_the_pod():
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


# What a failed dial looks like


@in_loop
async def test_a_refused_connection_is_one_to_others():
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
async def test_a_connection_that_is_refused_later_has_the_number_too():
    async def pod(side):
        await side.receive()
        await side.refuse(b"dial tcp: connection refused")

    async with node(pod) as served, pool(served) as tunnels, session(tunnels.connect) as http:
        with pytest.raises(aiohttp.ClientOSError) as caught:
            await http.get("http://demo/")
    assert caught.value.errno == errno.ECONNREFUSED
    assert caught.value.strerror == "dial tcp: connection refused"


@in_loop
async def test_an_error_that_is_understood_passes_through_unchanged():
    error = NotFoundError("No pod", "hint")

    async def open(factory):
        raise error

    async with session(open) as http:
        with pytest.raises(NotFoundError) as caught:
            await http.get("http://demo/")
    assert caught.value is error


@pytest.mark.parametrize("limit", ["connect", "sock_connect"])
@in_loop
async def test_the_time_to_connect_is_limited(limit):
    async def open(factory):
        await asyncio.Event().wait()

    async with session(open, timeout=aiohttp.ClientTimeout(**{limit: 0.05})) as http:
        with pytest.raises(aiohttp.ConnectionTimeoutError):
            await http.get("http://demo/")


@in_loop
async def test_a_timeout_of_the_network_is_a_failure_to_connect():
    async def open(factory):
        raise TimeoutError(errno.ETIMEDOUT, "timed out")

    async with session(open) as http:
        with pytest.raises(aiohttp.ClientConnectorError):
            await http.get("http://demo/")


# What is used of aiohttp that is not public


@in_loop
async def test_aiohttp_still_makes_connections_as_this_was_written_for():
    for connector in (aiohttp.BaseConnector, aiohttp.UnixConnector, TunnelConnector):
        parameters = list(inspect.signature(connector._create_connection).parameters)
        assert parameters == ["self", "req", "traces", "timeout"]
        assert inspect.iscoroutinefunction(connector._create_connection)
    async with aiohttp.BaseConnector() as base:
        protocol = base._factory()
    assert isinstance(protocol, ResponseHandler)
    assert isinstance(protocol, asyncio.Protocol)
