"""A tunnel as an asyncio transport: bytes both ways, and every way to end."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from kaito.cluster.portforward import FrameError, TunnelError
from kaito.cluster.portforward.transport import MESSAGE_SIZE
from tests.cluster.portforward.node import MEGABYTE, POD, Notes, echo, in_loop, node, until


@in_loop
async def test_bytes_go_there_and_back():
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
async def test_pieces_written_at_once_arrive_as_one_message():
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
async def test_what_one_read_brought_is_passed_on_as_one():
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
async def test_it_says_what_it_is():
    async with node(echo) as served, served.tunnel() as (tunnel, notes):
        assert tunnel.get_extra_info("peername") == ("demo-0", 5000)
        assert tunnel.get_extra_info("pod") is POD
        assert str(POD) == "default/demo-0:5000"
        assert tunnel.get_extra_info("socket") is None
        assert tunnel.get_protocol() is notes
        assert tunnel.is_reading()


@in_loop
async def test_there_is_no_half_close_from_this_side():
    async with node(echo) as served, served.tunnel() as (tunnel, _):
        assert not tunnel.can_write_eof()
        with pytest.raises(NotImplementedError):
            tunnel.write_eof()


@in_loop
async def test_the_protocol_can_be_exchanged():
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
async def test_the_pod_s_end_of_stream_comes_after_its_data():
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
async def test_the_api_server_s_words_end_it_after_the_data():
    async def pod(side):
        await side.send(b"data")
        await side.refuse(b"error copying: connection refused")

    async with node(pod) as served, served.tunnel() as (_, notes):
        error = await notes.end()
        assert isinstance(error, TunnelError)
        assert error.words == "error copying: connection refused"
        assert error.errno is not None
        assert notes.data == b"data"
        assert notes.calls == ["made", "lost"]


@in_loop
async def test_an_error_ends_it_although_the_websocket_stays_open():
    async def pod(side):
        await side.refuse(b"lost the container")
        await side.rest()

    async with node(pod) as served, served.tunnel() as (tunnel, notes):
        assert str(await notes.end()) == "lost the container"
        await tunnel.closed


@in_loop
async def test_a_connection_that_is_cut_is_an_error():
    async def pod(side):
        await side.send(b"half an ans")
        await side.receive()
        side.cut()

    async with node(pod) as served, served.tunnel() as (tunnel, notes):
        await notes.until(lambda: notes.data)
        tunnel.write(b"go")
        assert str(await notes.end()) == "The connection to the API server was cut"
        assert "eof" not in notes.calls
        assert notes.data == b"half an ans"


@in_loop
async def test_a_close_with_a_reason_is_an_error():
    async def pod(side):
        await side.websocket.close(code=1011, message=b"going down")

    async with node(pod) as served, served.tunnel() as (_, notes):
        assert str(await notes.end()) == "The API server closed the tunnel: going down (1011)"


@pytest.mark.parametrize("message", [b"\2x", b""])
@in_loop
async def test_a_message_that_is_none_is_an_error(message):
    async def pod(side):
        await side.websocket.send_bytes(message)
        await side.rest()

    async with node(pod) as served, served.tunnel() as (_, notes):
        assert isinstance(await notes.end(), FrameError)


@in_loop
async def test_text_is_an_error():
    async def pod(side):
        await side.websocket.send_str("hello")
        await side.rest()

    async with node(pod) as served, served.tunnel() as (_, notes):
        assert "(TEXT)" in str(await notes.end())


@in_loop
async def test_close_sends_what_is_buffered():
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
async def test_close_passes_no_more_data_on():
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
async def test_abort_waits_for_nobody():
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
async def test_a_failure_of_ours_is_given_to_the_protocol():
    async with node(echo) as served, served.tunnel() as (tunnel, notes):
        tunnel.fail(TunnelError("The pod was replaced"))
        tunnel.fail(TunnelError("and again"))
        assert str(await notes.end()) == "The pod was replaced"
        assert notes.calls == ["made", "lost"]


class Broken(Notes):
    """Fails when it is called for one thing."""

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
def test_a_protocol_that_fails_ends_its_tunnel_and_is_reported(where):
    reports = []

    async def pod(side):
        await side.send(b"x")

    async def talk():
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context["exception"]))
        async with asyncio.timeout(10), node(pod) as served:
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
    """Yield a tunnel that was cut while nobody read from it, and can be written to no more."""
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
async def test_what_came_before_a_cut_is_read_although_nothing_can_be_written():
    async with cut_unread() as (tunnel, notes):
        tunnel.resume_reading()
        assert str(await notes.end()) == "The connection to the API server was cut"
        assert notes.data == b"the last words"


@in_loop
async def test_a_tunnel_that_was_cut_can_be_closed_unread():
    async with cut_unread() as (tunnel, notes):
        tunnel.close()
        assert await notes.end() is None
        assert not notes.data


@in_loop
async def test_a_cut_while_the_rest_is_sent_is_told():
    async def pod(side):
        await side.receive()
        side.cut()

    async with node(pod) as served, served.tunnel() as (tunnel, notes):
        tunnel.write(MEGABYTE * 50)
        tunnel.close()
        assert str(await notes.end()) == "The connection to the API server was cut"


# A spare, before it has a protocol


@in_loop
async def test_a_pod_that_speaks_first_is_heard_by_the_protocol_that_comes_later():
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
async def test_a_spare_that_dies_says_why_when_it_is_wanted():
    async def pod(side):
        await side.refuse(b"connection refused")

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
async def test_a_spare_that_is_cut_is_noticed():
    async def pod(side):
        await asyncio.Event().wait()

    async with node(pod) as served:
        tunnel = await served.dial()
        served.sides[0].cut()
        await tunnel.closed
        with pytest.raises(TunnelError, match="cut"):
            tunnel.start(Notes())
