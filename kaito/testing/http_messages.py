"""HTTP/1.1 messages: the request that a server received, and the bytes of a response."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from kaito.testing.response_bodies import message_text

JSON = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request as it arrived."""

    method: str
    #: The target of the request line: a path, or a whole URL when the client uses the server as a proxy.
    target: str
    #: Names are in lower case.
    headers: Mapping[str, str]
    #: The body's bytes.
    raw: bytes
    #: The body decoded from JSON; `None` when it is empty or not JSON.
    body: Any
    #: The number of the connection, counted from 1. Requests on the same connection share it.
    connection: int
    #: When the last byte arrived, in seconds of `time.monotonic`.
    at: float

    @property
    def path(self) -> str:
        """The target's path, without the query."""
        return urlsplit(self.target).path

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages of a chat request; `[]` for any other request."""
        messages = self.body.get("messages") if isinstance(self.body, dict) else None
        return messages if isinstance(messages, list) else []

    @property
    def last_message(self) -> str:
        """The text of the last message; `""` if there is none."""
        return message_text(self.messages[-1]) if self.messages else ""

    @property
    def streams(self) -> bool:
        """Whether the request asks for a streamed answer."""
        return isinstance(self.body, dict) and self.body.get("stream") is True

    @property
    def wants_usage(self) -> bool:
        """Whether the request asks for the usage at the end of the stream."""
        options = self.body.get("stream_options") if isinstance(self.body, dict) else None
        return isinstance(options, dict) and options.get("include_usage") is True


def response_head(
    code: int, content_type: str | None, headers: Mapping[str, str] | None = None, *, keep_alive: bool = True
) -> bytes:
    """Return a response's status line and headers, with the blank line that ends them."""
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
    """Return one chunk of a chunked body; `chunk(b"")` ends the body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def split(data: bytes, size: int) -> Iterable[bytes]:
    """Return `data` in pieces of `size` bytes."""
    return (data[start : start + size] for start in range(0, len(data), size))
