"""A tunnel as an asyncio transport: data in both directions, and every kind of end."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from kaito.cluster.portforward import FrameError, TunnelError
from kaito.cluster.portforward.transport import MESSAGE_SIZE
from tests.cluster.portforward.node import MEGABYTE, POD, Notes, echo, in_loop, node, until


@in_loop
async def test_data_in_both_directions():
    async with node(echo) as served, served.tunnel() as (tunnel, notes):
        for size in (1, 100, MESSAGE_SIZE, 5_000_000):
            sent = (MEGABYTE * 5)[:size]
            notes.data.clear()
            tunnel.write(sent)
            await notes.until(lambda sent=sent: len(notes.data) >= len(sent))
            assert notes.data == sent
        assert notes.lost is None
        assert not tunnel.is_closing()
        assert served.sides[0].path == "/api/v1/namespaces/default/pods/demo-0/portforward"
        assert served.sides[0].port == 5000


@in_loop
async def test_chunks_written_together_are_one_message():
    messages = []

    async def pod(side):
        messages.append(await side.receive())

    async with node(pod) as served, served.tunnel() as (tunnel, notes):
        tunnel.writelines([b"one ", bytearray(b"two "), memoryview(b"three")])
        tunnel.write(b"")
        tunnel.write(b" four")
        await notes.end()
    assert messages == [b"one two three four"]


@in_loop
async def test_messages_received_together_are_delivered_together():
    sent = asyncio.Event()

    async def pod(side):
        await side.receive()
        for _ in range(100):
            await side.send(b"x" * 10)
        sent.set()
        await side.receive()

    async with node(pod) as served, served.tunnel() as (tunnel, notes):
        tunnel.pause_reading()
        tunnel.write(b"go")
        await sent.wait()
        tunnel.resume_reading()
        await notes.until(lambda: len(notes.data) == 1000)
        assert notes.reads < 20


@in_loop
async def test_extra_info():
    async with node(echo) as served, served.tunnel() as (tunnel, notes):
        assert tunnel.get_extra_info("peername") == ("demo-0", 5000)
        assert tunnel.get_extra_info("pod") is POD
        assert str(POD) == "default/demo-0:5000"
        assert tunnel.get_extra_info("socket") is None
        assert tunnel.get_protocol() is notes
        assert tunnel.is_reading()


@in_loop
async def test_write_eof_is_not_supported():
    async with node(echo) as served, served.tunnel() as (tunnel, _):
        assert not tunnel.can_write_eof()
        with pytest.raises(NotImplementedError):
            tunnel.write_eof()


@in_loop
async def test_protocol_can_be_replaced():
    async with node(echo) as served, served.tunnel() as (tunnel, notes):
        later = Notes()
        tunnel.set_protocol(later)
        tunnel.write(b"x")
        await later.until(lambda: later.data == b"x")
        assert not notes.data
        with pytest.raises(TypeError, match="BufferedProtocol"):
            tunnel.set_protocol(asyncio.BufferedProtocol())


# The end


@in_loop
async def test_end_of_stream_follows_the_data():
    async def pod(side):
        for _ in range(20):
            await side.send(MEGABYTE[:50_000])

    async with node(pod) as served, served.tunnel() as (tunnel, notes):
        assert await notes.end() is None
        assert len(notes.data) == 1_000_000
        assert notes.calls == ["made", "eof", "lost"]
        assert tunnel.is_closing()
        await tunnel.closed


@in_loop
async def test_error_message_follows_the_data():
    async def pod(side):
        await side.send(b"data")
        await side.error(b"error copying: connection refused")

    async with node(pod) as served, served.tunnel() as (_, notes):
        error = await notes.end()
        assert isinstance(error, TunnelError)
        assert error.message == "error copying: connection refused"
        assert error.errno is not None
        assert notes.data == b"data"
        assert notes.calls == ["made", "lost"]


@in_loop
async def test_error_message_ends_the_tunnel_of_an_open_websocket():
    async def pod(side):
        await side.error(b"lost the container")
        await side.rest()

    async with node(pod) as served, served.tunnel() as (tunnel, notes):
        assert str(await notes.end()) == "lost the container"
        await tunnel.closed


@in_loop
async def test_lost_connection_is_an_error():
    async def pod(side):
        await side.send(b"half an ans")
        await side.receive()
        side.cut()

    async with node(pod) as served, served.tunnel() as (tunnel, notes):
        await notes.until(lambda: notes.data)
        tunnel.write(b"go")
        assert str(await notes.end()) == "The connection to the API server was lost"
        assert "eof" not in notes.calls
        assert notes.data == b"half an ans"


@in_loop
async def test_close_with_a_reason_is_an_error():
    async def pod(side):
        await side.websocket.close(code=1011, message=b"going down")

    async with node(pod) as served, served.tunnel() as (_, notes):
        assert str(await notes.end()) == "The API server closed the port-forward: going down (1011)"


@pytest.mark.parametrize("message", [b"\2x", b""])
@in_loop
async def test_invalid_message_is_an_error(message):
    async def pod(side):
        await side.websocket.send_bytes(message)
        await side.rest()

    async with node(pod) as served, served.tunnel() as (_, notes):
        assert isinstance(await notes.end(), FrameError)


@in_loop
async def test_text_message_is_an_error():
    async def pod(side):
        await side.websocket.send_str("hello")
        await side.rest()

    async with node(pod) as served, served.tunnel() as (_, notes):
        assert "(TEXT)" in str(await notes.end())


@in_loop
async def test_close_sends_buffered_data():
    received = asyncio.get_running_loop().create_future()

    async def pod(side):
        received.set_result(await side.rest())

    async with node(pod) as served, served.tunnel() as (tunnel, notes):
        tunnel.write(MEGABYTE * 3)
        tunnel.close()
        assert tunnel.is_closing()
        assert not tunnel.is_reading()
        tunnel.write(b"too late")
        tunnel.close()
        assert await notes.end() is None
        assert await received == MEGABYTE * 3
        assert notes.calls[-1] == "lost"
        await tunnel.closed


@in_loop
async def test_close_stops_delivery():
    async def pod(side):
        await side.receive()
        await side.send(MEGABYTE)
        await side.rest()

    async with node(pod) as served, served.tunnel() as (tunnel, notes):
        tunnel.write(b"go")
        await notes.until(lambda: notes.data)
        tunnel.close()
        before = len(notes.data)
        assert await notes.end() is None
        assert len(notes.data) == before


@in_loop
async def test_abort_drops_buffered_data():
    async def pod(side):
        await asyncio.Event().wait()

    async with node(pod) as served, served.tunnel() as (tunnel, notes):
        tunnel.write(MEGABYTE * 10)
        await notes.until(lambda: "pause" in notes.calls)
        tunnel.abort()
        assert await notes.end() is None
        assert tunnel.get_write_buffer_size() == 0
        await tunnel.closed


@in_loop
async def test_fail_passes_the_error_to_the_protocol():
    async with node(echo) as served, served.tunnel() as (tunnel, notes):
        tunnel.fail(TunnelError("The pod was replaced"))
        tunnel.fail(TunnelError("and again"))
        assert str(await notes.end()) == "The pod was replaced"
        assert notes.calls == ["made", "lost"]


class Broken(Notes):
    """Raises in one of its callbacks."""

    def __init__(self, where):
        super().__init__()
        self.where = where

    def data_received(self, data):
        super().data_received(data)
        assert self.where != "data_received"

    def eof_received(self):
        super().eof_received()
        assert self.where != "eof_received"

    def connection_lost(self, exc):
        super().connection_lost(exc)
        assert self.where != "connection_lost"


@pytest.mark.parametrize("where", ["data_received", "eof_received", "connection_lost"])
def test_exception_in_a_protocol_ends_the_tunnel_and_is_reported(where):
    reports = []

    async def pod(side):
        await side.send(b"x")

    async def talk():
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context["exception"]))
        async with asyncio.timeout(60), node(pod) as served:
            tunnel, notes = await served.dial(), Broken(where)
            tunnel.start(notes)
            error = await notes.end()
            await tunnel.closed
            assert isinstance(error, TunnelError) is (where != "connection_lost")
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(talk())
    assert [type(exc) for exc in reports] == [AssertionError]


@asynccontextmanager
async def cut_unread():
    """Yield a tunnel whose connection was lost while reading was paused, and that drops what is written."""
    sent = asyncio.Event()

    async def pod(side):
        await side.send(b"the last words")
        sent.set()
        await side.receive()
        side.cut()

    async with node(pod) as served, served.tunnel() as (tunnel, notes):
        tunnel.pause_reading()
        await sent.wait()

        def is_dropped():
            tunnel.write(b"x")
            return tunnel.get_write_buffer_size() == 0

        await until(is_dropped)
        assert notes.calls == ["made"]
        yield tunnel, notes


@in_loop
async def test_data_received_before_the_connection_was_lost_is_delivered():
    async with cut_unread() as (tunnel, notes):
        tunnel.resume_reading()
        assert str(await notes.end()) == "The connection to the API server was lost"
        assert notes.data == b"the last words"


@in_loop
async def test_close_after_the_connection_was_lost():
    async with cut_unread() as (tunnel, notes):
        tunnel.close()
        assert await notes.end() is None
        assert not notes.data


@in_loop
async def test_connection_lost_while_closing():
    async def pod(side):
        await side.receive()
        side.cut()

    async with node(pod) as served, served.tunnel() as (tunnel, notes):
        tunnel.write(MEGABYTE * 50)
        tunnel.close()
        assert str(await notes.end()) == "The connection to the API server was lost"


# Before it has a protocol


@in_loop
async def test_data_received_before_start_is_delivered():
    sent = asyncio.Event()

    async def pod(side):
        for number in range(50):
            await side.send(b"%d " % number)
        sent.set()

    async with node(pod) as served:
        tunnel, notes = await served.dial(), Notes()
        await sent.wait()
        assert not tunnel.is_closing()
        tunnel.start(notes)
        assert await notes.end() is None
        assert notes.data == b"".join(b"%d " % number for number in range(50))
        await tunnel.closed


@in_loop
async def test_start_raises_the_error_of_an_ended_tunnel():
    async def pod(side):
        await side.error(b"connection refused")

    async with node(pod) as served:
        tunnel, notes = await served.dial(), Notes()
        await tunnel.closed
        assert tunnel.is_closing()
        with pytest.raises(TunnelError, match="connection refused"):
            tunnel.start(notes)
        assert notes.calls == []
        with pytest.raises(RuntimeError):
            tunnel.get_protocol()


@in_loop
async def test_lost_connection_of_a_spare():
    async def pod(side):
        await asyncio.Event().wait()

    async with node(pod) as served:
        tunnel = await served.dial()
        served.sides[0].cut()
        await tunnel.closed
        with pytest.raises(TunnelError, match="lost"):
            tunnel.start(Notes())
