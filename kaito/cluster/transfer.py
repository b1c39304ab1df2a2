"""The content of requests to the API server, and the lines that a watch receives."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping

import aiohttp
from msgspec import Struct, field

from kaito.cluster.api_errors import check_server
from kaito.cluster.auth.cluster_config import ClusterConfig
from kaito.cluster.connection_errors import translate_api_errors
from kaito.errors import ClusterError, KaitoError
from kaito.util import limits


class Outgoing(Struct, frozen=True, kw_only=True):
    """The parts of a request other than its path and query."""

    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=lambda: {"Accept": "application/json"})
    data: bytes | None = None
    #: Returns the error for an error response (status, body) whose meaning differs from the usual one.
    explain: Callable[[int, bytes], KaitoError | None] = lambda status, body: None


async def body_lines(response: aiohttp.ClientResponse, config: ClusterConfig) -> AsyncGenerator[bytes, None]:
    """Yield the lines of a body as they arrive."""
    buffer = bytearray()
    while True:
        with translate_api_errors(config):
            data = await response.content.readany()
        if not data:
            return
        searched = len(buffer)
        buffer += data
        start = 0
        while (end := buffer.find(b"\n", max(start, searched))) >= 0:
            if line := bytes(buffer[start:end]).strip():
                yield line
            start = end + 1
        del buffer[:start]
        if len(buffer) > limits.WATCH_EVENT:
            size = limits.shown_size(limits.WATCH_EVENT)
            raise ClusterError(f"The API server sent an event of more than {size}", check_server(config.flags))
