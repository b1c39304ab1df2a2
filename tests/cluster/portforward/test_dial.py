"""Opening a tunnel, and the errors when that fails."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from kaito.cluster.portforward import FrameError, TunnelError, dial
from kaito.errors import ForbiddenError
from tests.cluster.portforward.node import OPENING, POD, echo, in_loop, node


async def silent(side):
    await side.rest()


@in_loop
async def test_tunnel_is_open_after_the_first_messages():
    async with node(silent) as served:
        for opening in (OPENING, OPENING[::-1]):
            served.opening = opening
            tunnel = await served.dial()
            assert not tunnel.is_closing()
            tunnel.abort()
            await tunnel.closed


@pytest.mark.parametrize(
    ("opening", "message"),
    [
        ([b"\0\x13\x88"], "not the port"),
        ([b"\0\x88\x13", b"\0HTTP/1.1 400"], "before the port-forward was open"),
        ([b"\7"], "an unknown channel"),
    ],
)
@in_loop
async def test_invalid_first_message(opening, message):
    async with node(silent) as served:
        served.opening = opening
        with pytest.raises(FrameError, match=message):
            await served.dial()


@in_loop
async def test_error_before_the_tunnel_is_open():
    async with node(silent) as served:
        served.opening = [b"\1\x88\x13", b"\1no such container"]
        with pytest.raises(TunnelError, match="no such container"):
            await served.dial()


@in_loop
async def test_server_closes_before_the_tunnel_is_open():
    async def leave(side):
        pass

    async with node(leave) as served:
        served.opening = []
        with pytest.raises(TunnelError, match="before it was open"):
            await served.dial()


@in_loop
async def test_pings_before_the_tunnel_is_open_are_answered():
    async def pod(side):
        await side.websocket.ping(b"x")
        assert (await side.websocket.receive()).data == b"x"
        await side.websocket.pong(b"unsolicited")
        for message in OPENING:
            await side.websocket.send_bytes(message)
        await side.rest()

    async with node(pod) as served:
        served.opening, served.autoping = [], False
        tunnel = await served.dial()
        tunnel.abort()
        await tunnel.closed


@in_loop
async def test_unsupported_subprotocol():
    async with node(silent) as served:
        served.protocols = ()
        with pytest.raises(FrameError, match=r"v4\.channel\.k8s\.io"):
            await served.dial()


@in_loop
async def test_kaito_error_is_passed_on():
    async def connect(path, params, protocols, **options):
        raise ForbiddenError("no")

    with pytest.raises(ForbiddenError):
        await dial(connect, POD)


@asynccontextmanager
async def node_that_opens_no_channel():
    """Serve a pod whose channels never open; at the end, wait until its WebSocket is closed.

    Yield the node, and an event that is set once the client has the WebSocket.
    """
    gone, connected = asyncio.Event(), asyncio.Event()

    async def pod(side):
        await side.rest()
        gone.set()

    async with node(pod) as served:
        served.opening = []
        connect = served.connect

        async def noting(*arguments, **options):
            websocket = await connect(*arguments, **options)
            connected.set()
            return websocket

        served.connect = noting
        yield served, connected
        await gone.wait()


@in_loop
async def test_channels_that_are_not_opened_in_time():
    async with node_that_opens_no_channel() as (served, _):
        with pytest.raises(TunnelError, match=r"The port-forward to default/demo-0:5000 was not open within 1 s"):
            await served.dial(timeout=1)  # long enough for the WebSocket on a busy machine


@in_loop
async def test_cancelled_dial_closes_the_websocket():
    async with node_that_opens_no_channel() as (served, connected):
        dialling = asyncio.create_task(served.dial())
        await connected.wait()
        dialling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await dialling


@in_loop
async def test_closing_does_not_wait_for_the_server():
    stay = asyncio.Event()

    async def pod(side):
        await stay.wait()

    async with node(pod) as served:
        tunnel = await served.dial()
        tunnel.close()
        await tunnel.closed
        stay.set()


@in_loop
async def test_concurrent_tunnels():
    async with node(echo) as served:
        tunnels = await asyncio.gather(*(served.dial() for _ in range(64)))
        assert len(served.sides) == 64
        for tunnel in tunnels:
            tunnel.abort()
        await asyncio.wait([tunnel.closed for tunnel in tunnels])
