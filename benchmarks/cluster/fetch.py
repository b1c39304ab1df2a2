"""An HTTP client as a program: through kaito's tunnel, or through a port that another program forwards.

`--url URL` uses aiohttp with a new connection for each request. `--kubeconfig FILE --workspace NAME` uses the session
of a chat. The program prints `ready`. Each line of stdin, `STREAMS BYTES`, starts that many concurrent requests for
that many bytes each; the program prints the seconds to the first byte of all and to the last. It stops at the end of
stdin.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial

import aiohttp
from yarl import URL

from kaito.endpoints.backends.port_forward import PortForwardBackend
from kaito.net.http_session import EndpointSession
from kaito.net.responses import OpenResponse
from kaito.settings import Settings
from kaito.testing import RecordingReporter
from kaito.types import Target

#: Sends a request and returns its response.
_Get = Callable[[URL], Awaitable[OpenResponse]]


async def main() -> None:
    """Fetch until stdin ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url")
    parser.add_argument("--kubeconfig")
    parser.add_argument("--workspace")
    arguments = parser.parse_args()
    client: AbstractAsyncContextManager[tuple[_Get, str]]
    client = _forwarded(arguments.url) if arguments.url else _tunnelled(arguments.kubeconfig, arguments.workspace)
    async with client as (get, url):
        print("ready", flush=True)
        # The event loop keeps running, as in a chat that waits at its prompt.
        while line := await asyncio.to_thread(sys.stdin.readline):
            streams, count = map(int, line.split())
            started = time.perf_counter()
            firsts = await asyncio.gather(*(_read(get, url, count) for _ in range(streams)))
            print(min(firsts) - started, time.perf_counter() - started, flush=True)


async def _read(get: _Get, url: str, count: int) -> float:
    """Read a body; return the time of its first byte."""
    first, left = 0.0, count
    with await get(URL(f"{url}/{count}")) as response:
        async for data in response.content.iter_any():
            first = first or time.perf_counter()
            left -= len(data)
    if left:
        raise EOFError(f"{left} bytes are missing")
    return first


@asynccontextmanager
async def _forwarded(url: str) -> AsyncIterator[tuple[_Get, str]]:
    connector = aiohttp.TCPConnector(force_close=True, limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=None)) as session:

        async def get(url: URL) -> OpenResponse:
            return OpenResponse(await session.get(url))

        yield get, url


@asynccontextmanager
async def _tunnelled(kubeconfig: str, workspace: str) -> AsyncIterator[tuple[_Get, str]]:
    target = Target(kubeconfig=kubeconfig, workspace=workspace)
    settings = Settings(target=target, backend=PortForwardBackend.name)
    async with PortForwardBackend(settings) as backend:
        [candidate] = await backend.discover(target, RecordingReporter())
        async with (
            backend.open(candidate, RecordingReporter()) as endpoint,
            EndpointSession(endpoint, settings) as session,
        ):
            yield partial(session.request, "GET"), endpoint.url


if __name__ == "__main__":
    asyncio.run(main())
