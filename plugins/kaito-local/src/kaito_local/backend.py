"""The backend `local`: one endpoint, which is this process."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from kaito.types import Candidate, Endpoint
from kaito_local import download, model
from kaito_local.engine import Engine
from kaito_local.relay import HOST, Relay

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from kaito.types import Reporter, Target


class LocalBackend:
    """A small model for a machine with no cluster. Its work begins when it is opened."""

    name = "local"
    needs_workspace = False

    async def discover(self, target: Target, reporter: Reporter) -> Sequence[Candidate]:
        """Return this process, whatever is asked for: it is taken only by name."""
        return [Candidate(backend=self.name, url="llama.cpp in this process", detail=target.model)]

    @contextlib.asynccontextmanager
    async def open(self, candidate: Candidate, reporter: Reporter) -> AsyncIterator[Endpoint]:
        """Load the model, which is downloaded at first use, and serve it until the context is left."""
        own = model.own_file(candidate.detail)
        path = own or await download.builtin(reporter)
        name = own.stem if own else model.NAME
        reporter.status(f"loading {name}")
        engine = Engine()
        try:
            # When this is cancelled, the thread goes on alone and `stop` has it drop what it loaded.
            url = await asyncio.to_thread(engine.start, path, name, compact=own is None)
            async with _relayed(engine, url) as port:
                base = f"http://{HOST}:{port}"
                yield Endpoint(
                    url=base,
                    shown_url=f"{base}/chat/completions",
                    label=self.name,
                    model=name,
                    # llama.cpp promises to keep a connection and closes it at the end of a stream all the same: the
                    # next question, if it came fast, would go to one that is gone.
                    headers={"Connection": "close"},
                    proxied=False,
                )
        finally:
            engine.stop()


@contextlib.asynccontextmanager
async def _relayed(engine: Engine, url: str) -> AsyncIterator[int]:
    relay = Relay(urlsplit(url).port or 0)

    def abandon() -> None:
        # The process ends and nobody left the context. llama.cpp's threads must not run on while the C++ runtime
        # takes its globals apart.
        relay.cut()
        engine.stop()

    atexit.register(abandon)
    try:
        yield await relay.open()
    finally:
        try:
            await relay.close()
        finally:
            relay.cut()
            atexit.unregister(abandon)
