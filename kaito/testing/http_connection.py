"""A hand-written HTTP/1.1 server connection: it parses requests strictly and sends any bytes as a response."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import ssl
import struct
import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

from kaito.testing.http_messages import Request, response_head


class ClientGone(Exception):
    """The client disconnected. :class:`~kaito.testing.Exchange` raises it; a reply need not catch it."""


class Connection(asyncio.Protocol):
    """A client's connection: reads requests one after another and has each of them answered.

    Args:
        number: counted from 1.
        answer: answers a request and returns whether the connection stays open.
        context: for TLS.
        connections: the server's open connections; this one adds and removes itself.
    """

    def __init__(
        self,
        number: int,
        answer: Callable[[Connection, Request], Awaitable[bool]],
        context: ssl.SSLContext | None,
        connections: set[Connection],
    ) -> None:
        self.number = number
        self._answer = answer
        self._context = context
        self._connections = connections
        self._transport: asyncio.Transport
        self._buffer = bytearray()
        self._arrived = asyncio.Event()
        self._gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._resumed: asyncio.Future[None] | None = None
        self.task: asyncio.Task[None]  # the loop itself holds tasks only weakly

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start to serve. A TLS handshake is part of the same task, so that `stop` cancels it as well."""
        self._transport = cast("asyncio.Transport", transport)
        if self._context is not None:
            self._transport.pause_reading()
        self._connections.add(self)
        self.task = asyncio.get_running_loop().create_task(self._serve())

    def data_received(self, data: bytes) -> None:
        """Buffer the bytes."""
        self._buffer += data
        self._arrived.set()

    def eof_received(self) -> None:
        """Treat the end of the client's stream as a disconnect, as uvicorn does."""
        self._disconnect()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wake whatever waits for the client."""
        self._disconnect()

    def pause_writing(self) -> None:
        """Make `send` wait: the client reads too slowly."""
        self._resumed = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        """Let `send` continue."""
        if self._resumed is not None:
            self._resumed.set_result(None)
            self._resumed = None

    def _disconnect(self) -> None:
        if not self._gone.done():
            self._gone.set_result(None)
        self._arrived.set()

    async def send(self, data: bytes) -> None:
        if self._gone.done():
            raise ClientGone
        self._transport.write(data)
        if self._resumed is not None:
            await self.wait(None, self._resumed)

    async def wait(self, seconds: float | None, event: asyncio.Future[None] | None = None) -> None:
        """Wait for `seconds`, for `event` or for a disconnect, whichever comes first."""
        if not self._gone.done() and seconds != 0:
            waited_for = {self._gone} if event is None else {self._gone, event}
            await asyncio.wait(waited_for, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if self._gone.done():
            raise ClientGone

    def hang_up(self, *, reset: bool = False) -> None:
        if reset:
            raw = self._transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("hh" if os.name == "nt" else "ii", 1, 0))
            self._transport.abort()
        else:
            self._transport.close()

    def stop(self) -> asyncio.Task[None]:
        """Abort the connection. The returned task ends soon afterwards."""
        self._transport.abort()
        self.task.cancel()
        return self.task

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            if self._context is not None:
                secure = await loop.start_tls(self._transport, self, self._context, server_side=True)
                if secure is None:
                    return
                self._transport = secure
            while (request := await self._read_request()) is not None:
                if not await self._answer(self, request):
                    break
        except (OSError, EOFError, ValueError):
            # the client aborted the handshake, or sent something that is not HTTP
            pass
        finally:
            self._transport.close()
            self._connections.discard(self)

    async def _read_request(self) -> Request | None:
        """Return the next request, or `None` if the client disconnected.

        Raises:
            EOFError, ValueError: the data is not a request that this server can read.
        """
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if not await self._more():
                return None
        first, *lines = bytes(self._buffer[:end]).decode("latin-1").split("\r\n")
        del self._buffer[: end + 4]
        parts = first.split(" ")
        if len(parts) != 3:
            raise EOFError(first)
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if "transfer-encoding" in headers:
            self._transport.write(response_head(411, None, {"Content-Length": "0"}, keep_alive=False))
            raise EOFError("a request body needs a Content-Length")
        length = int(headers.get("content-length", "0"))
        while len(self._buffer) < length:
            if not await self._more():
                return None
        raw = bytes(self._buffer[:length])
        del self._buffer[:length]
        return Request(
            method=parts[0],
            target=parts[1],
            headers=headers,
            raw=raw,
            body=_parse(raw),
            connection=self.number,
            at=time.monotonic(),
        )

    async def _more(self) -> bool:
        """Wait for more bytes; return whether there can be any."""
        if self._gone.done():
            return False
        self._arrived.clear()
        await self._arrived.wait()
        return True


def _parse(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return None
