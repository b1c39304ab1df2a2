"""A client in a process of its own: through our tunnel, or through a port that another program forwards.

`--url URL` is aiohttp as anybody uses it, with a new connection for each request. `--kubeconfig FILE --workspace NAME`
is the session that a chat has with its model. It says `ready`; then each line of stdin, `STREAMS BYTES`, is that many
requests at once for that many bytes each, and is answered by the seconds to the first byte of all and to the last.
Both ways are read by the same lines of code. It ends with its stdin.
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
from kaito.types import Target

#: Sends a request and returns its response.
_Get = Callable[[URL], Awaitable[OpenResponse]]


async def main() -> None:
    """Fetch until stdin ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url")
    parser.add_argument("--kubeconfig")
    parser.add_argument("--workspace")
    given = parser.parse_args()
    way: AbstractAsyncContextManager[tuple[_Get, str]]
    way = _forwarded(given.url) if given.url else _tunnelled(given.kubeconfig, given.workspace)
    async with way as (get, url):
        print("ready", flush=True)
        # The loop runs on meanwhile, as in a chat that waits at its prompt.
        while line := await asyncio.to_thread(sys.stdin.readline):
            streams, count = map(int, line.split())
            started = time.perf_counter()
            firsts = await asyncio.gather(*(_read(get, url, count) for _ in range(streams)))
            print(min(firsts) - started, time.perf_counter() - started, flush=True)


async def _read(get: _Get, url: str, count: int) -> float:
    """Read a body; return when its first byte was there."""
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
        [candidate] = await backend.discover(target, _Silent())
        async with backend.open(candidate, _Silent()) as endpoint, EndpointSession(endpoint, settings) as session:
            yield partial(session.request, "GET"), endpoint.url


class _Silent:
    """A reporter for nobody."""

    def status(self, text: str) -> None: ...

    def retrying(self, reason: str, delay: float) -> None: ...

    def notice(self, text: str) -> None: ...


if __name__ == "__main__":
    asyncio.run(main())
