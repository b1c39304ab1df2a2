"""Forwards connections to llama.cpp's server, so that all of them can be closed before the server stops.

llama.cpp stops only when the clients of all active requests have disconnected, and the thread that waits for this holds
the GIL: a client in the same process could never disconnect. Only this relay knows the server's port, so no connection
is left when the relay is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket

HOST = "127.0.0.1"
#: Seconds to wait until llama.cpp notices a disconnect. It takes half a second or less unless it reads a long prompt.
DISCONNECT_TIMEOUT = 5.0
_CHUNK = 65536


class Relay:
    """A loopback port that forwards to another. Create, open and close it in the same event loop."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._server: asyncio.Server | None = None
        #: Each connection's task, with the client's writer and, once connected, the server's.
        self._links: dict[asyncio.Task[None], list[asyncio.StreamWriter]] = {}
        self._closed = False

    async def open(self) -> int:
        """Listen on a free port and return it."""
        listener = socket.create_server((HOST, 0))
        self._server = await asyncio.start_server(self._accept, sock=listener, start_serving=False)
        # Not started by the call above: if that were cancelled at its end, the port would stay open.
        await self._server.start_serving()
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Close all connections and wait until the server has noticed."""
        self._closed = True
        if self._server is not None:
            self._server.close()
        for client, *_ in self._links.values():
            client.transport.abort()
        await asyncio.gather(*self._links, return_exceptions=True)

    def cut(self) -> None:
        """Close all connections at once. Can be called from any thread, also when the event loop has stopped."""
        for ends in list(self._links.values()):
            for end in ends:
                with contextlib.suppress(OSError):
                    end.get_extra_info("socket").shutdown(socket.SHUT_RDWR)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = [writer]
        link = asyncio.create_task(self._serve(reader, ends))
        self._links[link] = ends
        link.add_done_callback(self._links.pop)
        if self._closed:  # a connection may be accepted while the relay is being closed
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, ends: list[asyncio.StreamWriter]) -> None:
        # After an OSError the server is gone, and this client's connection with it.
        with contextlib.suppress(OSError):
            try:
                server_reader, server_writer = await asyncio.open_connection(HOST, self._target)
                ends.append(server_writer)
                await _copy_both_ways(reader, ends[0], server_reader, server_writer)
                await _hang_up(server_reader, server_writer)
            finally:
                for end in ends:
                    end.transport.abort()


async def _copy_both_ways(
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
        # An HTTP client that closes its sending side has disconnected, so the end of one direction ends both.
        await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for direction in directions:
            direction.cancel()
        await asyncio.gather(*directions, return_exceptions=True)
    # Flushes the server's last bytes, which `abort` would discard.
    writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()


async def _hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Close the sending side and wait until the server closes its side: then it has stopped working on the request."""
    with contextlib.suppress(TimeoutError):
        writer.write_eof()
        async with asyncio.timeout(DISCONNECT_TIMEOUT):
            while await reader.read(_CHUNK):
                pass
