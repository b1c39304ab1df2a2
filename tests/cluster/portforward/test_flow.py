"""Flow control, and the heartbeat when one side is silent."""

import asyncio

from tests.cluster.portforward.node import MEGABYTE, Notes, echo, in_loop, node, until


async def flood(side):
    """A pod that sends without end."""
    side.sent = 0
    while True:
        await side.send(MEGABYTE[:50_000])
        side.sent += 50_000


async def blocked(side):
    """Return how many bytes a flooding pod has sent when it is blocked."""
    quiet, before = 0, -1
    while quiet < 20:
        await asyncio.sleep(0.005)
        quiet = quiet + 1 if side.sent == before else 0
        before = side.sent
    return before


@in_loop
async def test_paused_reading_blocks_the_pod():
    async with node(flood) as served, served.tunnel() as (tunnel, notes):
        await notes.until(lambda: notes.data)
        tunnel.pause_reading()
        assert not tunnel.is_reading()
        received = len(notes.data)
        sent = await blocked(served.sides[0])
        assert sent < 50_000_000
        assert len(notes.data) == received
        tunnel.resume_reading()
        await notes.until(lambda: len(notes.data) > sent + 1_000_000)
        assert notes.data[:1_000_000] == (MEGABYTE[:50_000] * 20)


@in_loop
async def test_pausing_takes_effect_at_once():
    class Hesitant(Notes):
        def data_received(self, data):
            super().data_received(data)
            tunnel.pause_reading()

    async def pod(side):
        for number in range(200):
            await side.send(b"%6d" % number * 1000)

    async with node(pod) as served:
        tunnel, notes = await served.dial(), Hesitant()
        tunnel.start(notes)
        reads = 0
        while "lost" not in notes.calls:
            await notes.until(lambda seen=reads: notes.reads > seen or "lost" in notes.calls)
            assert notes.reads <= reads + 1
            reads = notes.reads
            tunnel.resume_reading()
            await asyncio.sleep(0)
        assert notes.data == b"".join(b"%6d" % number * 1000 for number in range(200))
        assert notes.calls == ["made", "eof", "lost"]
        await tunnel.closed


@in_loop
async def test_pod_that_does_not_read_pauses_writing():
    reads = asyncio.Event()

    async def pod(side):
        await reads.wait()
        side.received = await side.receive_exactly(high + len(MEGABYTE) * 20)
        await side.send(b"thanks")
        await side.rest()

    async with node(pod) as served, served.tunnel() as (tunnel, notes):
        low, high = tunnel.get_write_buffer_limits()
        tunnel.write(b"x" * high)
        assert "pause" not in notes.calls
        tunnel.write(MEGABYTE * 20)
        assert notes.calls[-1] == "pause"
        reads.set()
        await notes.until(lambda: notes.calls[-1] == "resume")
        assert tunnel.get_write_buffer_size() <= low
        await notes.until(lambda: notes.data == b"thanks")
        assert served.sides[0].received == b"x" * high + MEGABYTE * 20


@in_loop
async def test_write_buffer_limits():
    async with node(echo) as served, served.tunnel() as (tunnel, notes):
        tunnel.set_write_buffer_limits(high=10, low=5)
        assert tunnel.get_write_buffer_limits() == (5, 10)
        tunnel.write(b"x" * 11)
        assert notes.calls[-1] == "pause"
        await notes.until(lambda: notes.calls[-1] == "resume")


@in_loop
async def test_response_before_the_request_is_complete():
    async def pod(side):
        await side.receive()
        await side.send(b"413 too large")
        await side.websocket.close()
        side.cut()

    async with node(pod) as served, served.tunnel() as (tunnel, notes):
        tunnel.write(MEGABYTE * 20)
        assert await notes.end() is None
        assert notes.data == b"413 too large"


# Heartbeat

#: Seconds. Long enough for a busy machine.
INTERVAL = 0.2


async def checks(tunnel, count):
    """Wait until a tunnel's heartbeat has checked for silence a number of times."""
    heartbeat, done = tunnel._heartbeat, 0
    check = heartbeat._check

    def counting():
        nonlocal done
        done += 1
        check()

    heartbeat._check = counting
    await until(lambda: done >= count)


@in_loop
async def test_silent_server_is_reported_dead():
    async def pod(side):
        await asyncio.Event().wait()

    async with node(pod) as served:
        served.autoping = False
        async with served.tunnel(heartbeat=INTERVAL / 10) as (_, notes):
            began = asyncio.get_running_loop().time()
            assert "has not responded" in str(await notes.end())
            assert asyncio.get_running_loop().time() - began > INTERVAL / 5


@in_loop
async def test_pongs_keep_the_tunnel_open():
    pings = []

    async def pod(side):
        while True:
            message = await side.websocket.receive()
            pings.append(message.type.name)
            await side.websocket.pong(message.data)

    async with node(pod) as served:
        served.autoping = False
        async with served.tunnel(heartbeat=INTERVAL) as (_, notes):
            await until(lambda: len(pings) >= 3)
            assert notes.calls == ["made"]
    assert set(pings[:3]) == {"PING"}


@in_loop
async def test_pings_of_the_server_are_answered():
    pongs = []

    async def pod(side):
        await side.websocket.ping(b"are you there")
        pongs.append(await side.websocket.receive())

    async with node(pod) as served:
        served.autoping = False
        async with served.tunnel() as (_, notes):
            await notes.end()
    assert [(pong.type.name, pong.data) for pong in pongs] == [("PONG", b"are you there")]


@in_loop
async def test_heartbeat_while_reading_is_paused():
    async with node(flood) as served, served.tunnel(heartbeat=INTERVAL) as (tunnel, notes):
        await notes.until(lambda: notes.data)
        tunnel.pause_reading()
        sent = await blocked(served.sides[0])
        await checks(tunnel, 4)
        assert notes.calls == ["made"]
        tunnel.resume_reading()
        await notes.until(lambda: len(notes.data) > sent + 1_000_000)
        assert notes.calls == ["made"]


@in_loop
async def test_heartbeat_while_the_pod_does_not_read():
    reads = asyncio.Event()

    async def pod(side):
        await reads.wait()
        await side.receive_exactly(len(MEGABYTE) * 20)
        await side.send(b"thanks")
        await side.rest()

    async with node(pod) as served, served.tunnel(heartbeat=INTERVAL) as (tunnel, notes):
        tunnel.write(MEGABYTE * 20)
        await checks(tunnel, 4)
        assert notes.calls == ["made", "pause"]
        reads.set()
        await notes.until(lambda: notes.data == b"thanks")
        assert "lost" not in notes.calls
