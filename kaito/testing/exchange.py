"""What passes over a connection: the request as it came, and the exchange in which a reply answers it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from kaito.testing.bodies import message_text
from kaito.testing.gate import Gate

if TYPE_CHECKING:
    from kaito.testing.http_connection import Connection

JSON = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request as it arrived."""

    method: str
    #: What stood in the request line: a path, or a whole URL when the client took the server for a proxy.
    target: str
    #: By name in lower case.
    headers: Mapping[str, str]
    #: The body's bytes.
    raw: bytes
    #: The body as JSON; `None` when there is none or it is something else.
    body: Any
    #: Which connection it came on, counted from 1. Two requests with the same number shared one.
    connection: int
    #: When its last byte had arrived, in seconds of `time.monotonic`.
    at: float

    @property
    def path(self) -> str:
        """The target's path, without the query."""
        return urlsplit(self.target).path

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The conversation of a chat request, `[]` of any other."""
        messages = self.body.get("messages") if isinstance(self.body, dict) else None
        return messages if isinstance(messages, list) else []

    @property
    def last_message(self) -> str:
        """The text of the last message, `""` when there is none."""
        return message_text(self.messages[-1]) if self.messages else ""

    @property
    def streams(self) -> bool:
        """Whether a streamed answer is asked for."""
        return isinstance(self.body, dict) and self.body.get("stream") is True

    @property
    def wants_usage(self) -> bool:
        """Whether a streamed answer shall end with the usage."""
        options = self.body.get("stream_options") if isinstance(self.body, dict) else None
        return isinstance(options, dict) and options.get("include_usage") is True


class ClientGone(Exception):
    """The client hung up. Raised out of :class:`Exchange`'s methods; a reply need not catch it."""


class Exchange:
    """One request and the way to answer it. A reply's `play` gets it.

    Args:
        connection: where the answer goes.
        request: what is asked.
        model: the model's name, for the answer.
        prompt_tokens: tokens of the request's messages.
    """

    def __init__(self, connection: Connection, request: Request, model: str, prompt_tokens: int) -> None:
        self._connection = connection
        self.request = request
        self.model = model
        self.prompt_tokens = prompt_tokens
        #: Whether the connection takes another request after this answer.
        self.keep_alive = request.headers.get("connection", "").lower() != "close"
        #: Whether the answer was said to its end, so that a client who leaves now interrupts nothing.
        self.complete = False

    async def send(self, data: bytes) -> None:
        """Write bytes as they are, and wait when the client does not read them.

        Raises:
            ClientGone: it hung up.
        """
        await self._connection.send(data)

    async def respond(self, code: int, body: bytes, content_type: str | None, headers: Mapping[str, str]) -> None:
        """Write a whole response with its length.

        Raises:
            ClientGone: the client hung up.
        """
        lines = {"Content-Length": str(len(body)), **headers}
        await self.send(head(code, content_type, lines, keep_alive=self.keep_alive) + body)

    async def pause(self, seconds: float | None) -> None:
        """Say nothing for a while; `None` is until the client leaves or the server stops.

        Raises:
            ClientGone: the client hung up.
        """
        await self._connection.wait(seconds)

    async def wait_for(self, gate: Gate) -> None:
        """Say nothing until `gate` is opened.

        Raises:
            ClientGone: the client hung up.
        """
        opened = asyncio.get_running_loop().create_future()
        gate.reached_by(opened)
        await self._connection.wait(None, opened)

    def hang_up(self, *, reset: bool = False) -> None:
        """Close the connection after what was written, or with `reset` by TCP's RST, which may overtake it."""
        self.keep_alive = False
        self._connection.hang_up(reset=reset)


def head(
    code: int, content_type: str | None, headers: Mapping[str, str] | None = None, *, keep_alive: bool = True
) -> bytes:
    """Return a response's head: its status line and headers, and the blank line after them."""
    try:
        reason = HTTPStatus(code).phrase
    except ValueError:
        reason = "Unknown"
    lines = [f"HTTP/1.1 {code} {reason}", "Server: uvicorn"]
    if content_type is not None:
        lines.append(f"Content-Type: {content_type}")
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if not keep_alive:
        lines.append("Connection: close")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def chunk(data: bytes) -> bytes:
    """Return one chunk of a chunked body; that of `b""` is its end."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def split(data: bytes, size: int) -> Iterable[bytes]:
    """Return `data` in pieces of `size` bytes."""
    return (data[start : start + size] for start in range(0, len(data), size))
