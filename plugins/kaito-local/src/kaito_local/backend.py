"""The backend `local`: one endpoint, served by this process."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from kaito.types import Candidate, Endpoint, Location
from kaito_local import download, hub, model
from kaito_local.engine import Engine
from kaito_local.hub_names import Reference
from kaito_local.relay import HOST, Relay
from kaito_local.tuning import BUILT_IN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from kaito.types import Reporter, Target


#: Shown below the banner, so that users do not expect more.
_BUILT_IN = "this process, with a small model that knows little"


class LocalBackend:
    """A small model for a machine without a cluster. Everything happens in :meth:`open`."""

    name = "local"
    needs_workspace = False
    takes_endpoint = False
    about = f"{model.NAME} in this process, which knows little; or a model of yours"

    async def discover(self, target: Target, reporter: Reporter) -> Sequence[Candidate]:
        """Return this process as the only candidate. It has no rank: it is used only if the user names the backend."""
        return [Candidate(backend=self.name, url="llama.cpp in this process", detail=target.model)]

    @contextlib.asynccontextmanager
    async def open(self, candidate: Candidate, reporter: Reporter) -> AsyncIterator[Endpoint]:
        """Load the model, after a download at the first use, and serve it while the context is open."""
        chosen = model.chosen(candidate.detail)
        if chosen is None:
            path, name = await download.built_in_model(reporter), model.NAME
        else:
            path = await hub.fetch(chosen, reporter) if isinstance(chosen, Reference) else chosen
            name = model.name_of(path)
        reporter.status(f"loading {name}")
        engine = Engine()
        try:
            # If this is cancelled, the thread continues; `stop` makes it discard the model that it loads.
            url = await asyncio.to_thread(engine.start, path, name, BUILT_IN if chosen is None else None)
            async with _relay_to(engine, url) as port:
                base = f"http://{HOST}:{port}"
                yield Endpoint(
                    url=base,
                    shown_url=f"{base}/chat/completions",
                    label=self.name,
                    # The port differs each time.
                    location=Location(server=f"{self.name} {name}", host="localhost"),
                    model=name,
                    # llama.cpp announces keep-alive but closes the connection at the end of a stream. A request that
                    # follows quickly would be sent on a closed connection.
                    headers={"Connection": "close"},
                    proxied=False,
                )
        finally:
            engine.stop()


@contextlib.asynccontextmanager
async def _relay_to(engine: Engine, url: str) -> AsyncIterator[int]:
    relay = Relay(urlsplit(url).port or 0)

    def stop_at_exit() -> None:
        # The process exits without leaving the context. llama.cpp's threads must end before the C++ runtime destroys
        # its globals.
        relay.cut()
        engine.stop()

    atexit.register(stop_at_exit)
    try:
        yield await relay.open()
    finally:
        try:
            await relay.close()
        finally:
            relay.cut()
            atexit.unregister(stop_at_exit)
