"""Reads responses: releases them in time, stops when their connection closes, and limits what is read."""

from __future__ import annotations

import asyncio
from types import TracebackType

import aiohttp

from kaito.util.limits import shown_size


class OpenResponse:
    """A response in a `with` block: it is released at the end, and reading it fails when its connection is closed.

    aiohttp's own `async with` waits until the connection is closed. And when a chunk is malformed, aiohttp closes the
    connection but leaves the reader of the body waiting, without a time limit.
    """

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self._closed: asyncio.Future[None] | None = None

    def __enter__(self) -> aiohttp.ClientResponse:
        # Once the whole body has arrived, a response has no connection any more.
        connection = self._response.connection
        if connection is not None and connection.protocol is not None:
            self._closed = connection.protocol.closed
            if self._closed is None:
                self._fail()
            else:
                # asyncio logs an exception that is never retrieved. The connection serves further responses, and one
                # callback is enough for all of them.
                self._closed.remove_done_callback(_retrieve)
                self._closed.add_done_callback(_retrieve)
                self._closed.add_done_callback(self._fail)
        return self._response

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._closed is not None:
            self._closed.remove_done_callback(self._fail)
        self._response.release()

    def _fail(self, closed: asyncio.Future[None] | None = None) -> None:
        content = self._response.content
        if not content.is_eof() and content.exception() is None:
            content.set_exception(aiohttp.ClientPayloadError("The body is not complete"))


async def read_up_to(response: aiohttp.ClientResponse, limit: int, body: bytearray | None = None) -> bytes:
    """Return a response's body, or its beginning.

    When the body is read to its end, the connection can be used again.

    Args:
        response: the response to read.
        limit: bytes after which reading stops; the result may have a few more.
        body: receives what is read, and keeps it when reading fails.
    """
    body = bytearray() if body is None else body
    while len(body) < limit and (data := await response.content.readany()):
        body += data
    return bytes(body)


class BodyTooLargeError(Exception):
    """A body exceeds the limit; the message says which."""


async def read_whole(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """Return a response's body.

    Args:
        response: the response to read.
        limit: the most bytes that it may have.

    Raises:
        BodyTooLargeError: it has more.
    """
    body = await read_up_to(response, limit + 1)
    if len(body) > limit:
        raise BodyTooLargeError(f"it has more than {shown_size(limit)}")
    return body


def _retrieve(closed: asyncio.Future[None]) -> None:
    if not closed.cancelled():
        closed.exception()
