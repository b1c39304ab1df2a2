"""Passes connections on to llama.cpp's server, so that all of them can be ended before it is.

llama.cpp ends only when every request that it works on has lost its client, and the thread that waits for this holds
the interpreter's lock: a client in this very process could then never hang up. Nobody but this relay knows the
server's own port, hence no connection is left when the relay is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket

HOST = "127.0.0.1"
#: Seconds in which llama.cpp notices that a client has gone; half a second or less unless it reads a long prompt.
NOTICE = 5.0
_CHUNK = 65536


class Relay:
    """A loopback port that leads to another. Made, opened and closed in the same event loop."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._server: asyncio.Server | None = None
        #: The connections, each with its ends: the client's, and the server's once it stands.
        self._links: dict[asyncio.Task[None], list[asyncio.StreamWriter]] = {}
        self._closed = False

    async def open(self) -> int:
        """Listen, and return the port that the system chose."""
        self._server = await asyncio.start_server(self._accept, HOST, 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """End all connections and wait until the server behind has noticed."""
        self._closed = True
        if self._server is not None:
            self._server.close()
        for client, *_ in self._links.values():
            client.transport.abort()
        await asyncio.gather(*self._links, return_exceptions=True)

    def cut(self) -> None:
        """End all connections at once, from any thread, whether or not the event loop still runs."""
        for ends in list(self._links.values()):
            for end in ends:
                with contextlib.suppress(OSError):
                    end.get_extra_info("socket").shutdown(socket.SHUT_RDWR)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = [writer]
        link = asyncio.create_task(self._serve(reader, ends))
        self._links[link] = ends
        link.add_done_callback(self._links.pop)
        if self._closed:  # the last connection may be accepted while the relay is being closed
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, ends: list[asyncio.StreamWriter]) -> None:
        # An OSError is a server that has gone: so has this client's connection.
        with contextlib.suppress(OSError):
            try:
                server_reader, server_writer = await asyncio.open_connection(HOST, self._target)
                ends.append(server_writer)
                await _pass(reader, ends[0], server_reader, server_writer)
                await _hang_up(server_reader, server_writer)
            finally:
                for end in ends:
                    end.transport.abort()


async def _pass(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    server_reader: asyncio.StreamReader,
    server_writer: asyncio.StreamWriter,
) -> None:
    directions = [
        asyncio.create_task(_copy(reader, server_writer)),
        asyncio.create_task(_copy(server_reader, writer)),
    ]
    try:
        # An HTTP client that closes its sending side has gone: one direction's end is the end of both.
        await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for direction in directions:
            direction.cancel()
        await asyncio.gather(*directions, return_exceptions=True)
    # What the server said last still goes out; `abort` would drop it.
    writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()


async def _hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Close the sending side and wait until the server closes the other: then it works on nothing more."""
    with contextlib.suppress(TimeoutError):
        writer.write_eof()
        async with asyncio.timeout(NOTICE):
            while await reader.read(_CHUNK):
                pass
