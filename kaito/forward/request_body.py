"""The body of a client's request, forwarded while it arrives."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import aiohttp

from kaito.util.tasks import cancel_and_wait

if TYPE_CHECKING:
    from aiohttp import web
    from aiohttp.abc import AbstractStreamWriter

#: Bytes of a body that are kept so that it can be sent again. Most prompts are shorter.
KEPT = 1024 * 1024

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class ForwardedBody(aiohttp.Payload):
    """Forwards a request's body as it arrives. aiohttp may send it again, from the beginning.

    Args:
        request: the client's request. If it waits for `100 Continue`, that is sent once the body is needed (RFC 9110,
            10.1.1).

    Attributes:
        incomplete: whether the client sent less than it had announced.
        spent: whether the body had to be sent again and could not be.
    """

    def __init__(self, request: web.BaseRequest) -> None:
        super().__init__(request.content)
        self._request = request
        self._awaits_continue = request.headers.get("Expect", "").lower() == "100-continue" and request.version >= (
            1,
            1,
        )
        self._kept: list[bytes] | None = []
        self._size_kept = 0
        self._sender: asyncio.Task[Any] | None = None
        self.incomplete = False
        self.spent = False

    @property
    def repeatable(self) -> bool:
        """Whether all that was sent so far can be sent again."""
        return self._kept is not None

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Raise `TypeError`: the whole body is never in memory."""
        raise TypeError("The body is a stream")

    async def write(self, writer: AbstractStreamWriter) -> None:
        """See :meth:`write_with_length`."""
        await self.write_with_length(writer, None)

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        """Send the body. The client's `Content-Length` was sent with the headers."""
        before, self._sender = self._sender, asyncio.current_task()
        if before is not None and before is not self._sender and not before.done():
            # The first attempt may still be closing its connection, and only one task can read the body.
            await cancel_and_wait(before)
        if self._kept is None:
            self.spent = True
            raise aiohttp.ClientConnectionError("The body cannot be sent again")
        for data in [*self._kept]:
            await writer.write(data)
        while data := await self._next():
            await writer.write(data)

    async def _next(self) -> bytes:
        try:
            if self._awaits_continue:
                self._awaits_continue = False
                await self._request.writer.write(_CONTINUE)
                # The response has not begun.
                self._request.writer.output_size = 0
            data = await self._request.content.readany()
        except Exception:
            self.incomplete = True
            raise
        self._size_kept += len(data)
        if self._size_kept > KEPT:
            self._kept = None
        elif self._kept is not None:
            self._kept.append(data)
        return data
