"""From an API server's answer to a tunnel, or to why there is none."""

import asyncio

import pytest

from kaito.cluster.portforward import FrameError, TunnelError, dial
from kaito.errors import ForbiddenError
from kaito.testing import refused_url
from tests.cluster.portforward.node import GREETING, POD, echo, in_loop, node


async def silent(side):
    await side.rest()


@in_loop
async def test_the_greeting_makes_the_tunnel():
    async with node(silent) as served:
        for greeting in (GREETING, GREETING[::-1]):
            served.greeting = greeting
            tunnel = await served.dial()
            assert not tunnel.is_closing()
            tunnel.abort()
            await tunnel.closed


@pytest.mark.parametrize(
    ("greeting", "words"),
    [
        ([b"\0\x13\x88"], "not the port"),
        ([b"\0\x88\x13", b"\0HTTP/1.1 400"], "before the tunnel was open"),
        ([b"\7"], "no known channel"),
    ],
)
@in_loop
async def test_another_greeting_is_refused(greeting, words):
    async with node(silent) as served:
        served.greeting = greeting
        with pytest.raises(FrameError, match=words):
            await served.dial()


@in_loop
async def test_words_in_place_of_a_greeting():
    async with node(silent) as served:
        served.greeting = [b"\1\x88\x13", b"\1no such container"]
        with pytest.raises(TunnelError, match="no such container"):
            await served.dial()


@in_loop
async def test_a_server_that_closes_before_the_greeting():
    async def leave(side):
        pass

    async with node(leave) as served:
        served.greeting = []
        with pytest.raises(TunnelError, match="before it was open"):
            await served.dial()


@in_loop
async def test_pings_before_the_greeting_are_answered():
    async def pod(side):
        await side.websocket.ping(b"x")
        assert (await side.websocket.receive()).data == b"x"
        await side.websocket.pong(b"not asked for")
        for message in GREETING:
            await side.websocket.send_bytes(message)
        await side.rest()

    async with node(pod) as served:
        served.greeting, served.autoping = [], False
        tunnel = await served.dial()
        tunnel.abort()
        await tunnel.closed


@in_loop
async def test_a_server_that_speaks_another_subprotocol():
    async with node(silent) as served:
        served.protocols = ()
        with pytest.raises(FrameError, match=r"v4\.channel\.k8s\.io"):
            await served.dial()


@in_loop
async def test_a_server_that_refuses_has_its_status_told():
    async with node(silent) as served:
        served.status = 403
        with pytest.raises(TunnelError, match=r"default/demo-0:5000 \(HTTP 403\)"):
            await served.dial()


@in_loop
async def test_a_server_that_is_down():
    with refused_url() as url:
        async with node(silent) as served:
            with pytest.raises(TunnelError, match=r"No tunnel to default/demo-0:5000") as caught:
                await dial(lambda path, params, protocols: served.session.ws_connect(url), POD)
    # Nothing says yet that nobody listens in the pod.
    assert caught.value.errno is None


@in_loop
async def test_an_error_that_is_understood_passes_through():
    async def connect(path, params, protocols):
        raise ForbiddenError("no")

    with pytest.raises(ForbiddenError):
        await dial(connect, POD)


@in_loop
async def test_dialling_that_is_given_up_leaves_nothing():
    gone = asyncio.Event()

    async def pod(side):
        await side.rest()
        gone.set()

    async with node(pod) as served:
        served.greeting = []
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await served.dial()
        await gone.wait()


@in_loop
async def test_a_server_that_does_not_say_goodbye_is_left():
    stay = asyncio.Event()

    async def pod(side):
        await stay.wait()

    async with node(pod) as served:
        tunnel = await served.dial()
        tunnel.close()
        await tunnel.closed
        stay.set()


@in_loop
async def test_many_at_once():
    async with node(echo) as served:
        tunnels = await asyncio.gather(*(served.dial() for _ in range(64)))
        assert len(served.sides) == 64
        for tunnel in tunnels:
            tunnel.abort()
        await asyncio.wait([tunnel.closed for tunnel in tunnels])
