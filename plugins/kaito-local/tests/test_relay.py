"""Forwarding connections, and closing them."""

import asyncio
import contextlib

import pytest
from kaito_local.relay import HOST, Relay


class Server:
    """Answers each line in upper case; counts the clients that disconnect."""

    def __init__(self):
        self.disconnects = 0

    async def handle(self, reader, writer):
        while line := await reader.readline():
            writer.write(line.upper())
        self.disconnects += 1
        writer.close()


@contextlib.asynccontextmanager
async def relayed():
    server = Server()
    listening = await asyncio.start_server(server.handle, HOST, 0)
    relay = Relay(listening.sockets[0].getsockname()[1])
    try:
        yield server, relay, await relay.open()
    finally:
        await relay.close()
        listening.close()


async def send(connection, line):
    reader, writer = connection
    writer.write(line)
    return await asyncio.wait_for(reader.readline(), 60)


def test_both_directions():
    async def check():
        async with relayed() as (_, _, port):
            one = await asyncio.open_connection(HOST, port)
            two = await asyncio.open_connection(HOST, port)
            assert [await send(one, b"a\n"), await send(two, b"b\n"), await send(one, b"c\n")] == [
                b"A\n",
                b"B\n",
                b"C\n",
            ]
            one[1].close()
            two[1].close()

    asyncio.run(check())


def test_the_server_notices_a_disconnect():
    async def check():
        async with relayed() as (server, _, port):
            connection = await asyncio.open_connection(HOST, port)
            await send(connection, b"a\n")
            connection[1].close()
            async with asyncio.timeout(60):
                while not server.disconnects:
                    await asyncio.sleep(0.01)

    asyncio.run(check())


@pytest.mark.parametrize("how", ["close", "cut"])
def test_closing_all_connections(how):
    async def check():
        async with relayed() as (server, relay, port):
            connection = await asyncio.open_connection(HOST, port)
            await send(connection, b"a\n")
            if how == "close":
                await relay.close()
                assert server.disconnects == 1
            else:
                relay.cut()
            assert await asyncio.wait_for(connection[0].read(), 60) == b""
            connection[1].close()
            if how == "close":
                with pytest.raises(ConnectionRefusedError):
                    await asyncio.open_connection(HOST, port)

    asyncio.run(check())


def test_a_server_that_is_down():
    async def check():
        async with relayed() as (_, relay, port):
            relay._target = 1
            reader, writer = await asyncio.open_connection(HOST, port)
            with contextlib.suppress(ConnectionResetError):
                assert await asyncio.wait_for(reader.read(), 60) == b""
            writer.close()

    asyncio.run(check())


def test_an_opening_that_is_cancelled_leaves_no_open_port():
    async def cancel_after(rounds):
        relay = Relay(1)
        opening = asyncio.create_task(relay.open())
        for _ in range(rounds):
            await asyncio.sleep(0)
        opening.cancel()
        await asyncio.gather(opening, return_exceptions=True)
        await relay.close()
        await asyncio.sleep(0)
        # The loop's own socket remains.
        return len(asyncio.get_running_loop()._selector.get_map())

    assert [asyncio.run(cancel_after(rounds)) for rounds in range(8)] == [1] * 8
