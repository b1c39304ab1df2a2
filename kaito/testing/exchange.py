"""One request and its response: what a reply uses to answer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Protocol

from kaito.testing.gate import Gate
from kaito.testing.http_connection import Connection
from kaito.testing.http_messages import Request, response_head


class Reply(Protocol):
    """Anything that can answer a request. Write your own class if none of `kaito.testing` fits."""

    async def send(self, exchange: Exchange) -> None:
        """Answer `exchange.request`. Runs in the server's event loop."""


class Exchange:
    """One request and the methods to answer it. :meth:`Reply.send` receives it.

    Args:
        connection: where the response is written.
        request: the request.
        model: the model's name for the answer.
        prompt_tokens: the number of tokens in the request's messages.
    """

    def __init__(self, connection: Connection, request: Request, model: str, prompt_tokens: int) -> None:
        self._connection = connection
        self.request = request
        self.model = model
        self.prompt_tokens = prompt_tokens
        #: Whether the connection stays open for another request after this response.
        self.keep_alive = request.headers.get("connection", "").lower() != "close"
        #: Whether the whole answer was sent. A client that disconnects after that did not interrupt it.
        self.complete = False

    async def send(self, data: bytes) -> None:
        """Write bytes as they are; wait while the client does not read them.

        Raises:
            ClientGone: the client disconnected.
        """
        await self._connection.send(data)

    async def respond(self, code: int, body: bytes, content_type: str | None, headers: Mapping[str, str]) -> None:
        """Write a whole response with its `Content-Length`.

        Raises:
            ClientGone: the client disconnected.
        """
        lines = {"Content-Length": str(len(body)), **headers}
        await self.send(response_head(code, content_type, lines, keep_alive=self.keep_alive) + body)

    async def pause(self, seconds: float | None) -> None:
        """Send nothing for some seconds; with `None`, until the client disconnects or the server stops.

        Raises:
            ClientGone: the client disconnected.
        """
        await self._connection.wait(seconds)

    async def wait_for(self, gate: Gate) -> None:
        """Send nothing until `gate` is opened.

        Raises:
            ClientGone: the client disconnected.
        """
        opened = asyncio.get_running_loop().create_future()
        gate.add_waiter(opened)
        await self._connection.wait(None, opened)

    def hang_up(self, *, reset: bool = False) -> None:
        """Close the connection after what was written; with `reset`, by a TCP RST, which may overtake it."""
        self.keep_alive = False
        self._connection.hang_up(reset=reset)
