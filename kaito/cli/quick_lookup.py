"""Asks the cluster for optional help, such as names to complete, within two seconds in all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from kaito.cluster.api_client import ApiClient
from kaito.cluster.auth.cluster_config import find_cluster_config
from kaito.eventloop.thread import ThreadedLoop
from kaito.types import Target

T = TypeVar("T")

#: Seconds for the configuration, the connection and all requests.
TIMEOUT = 2.0


def quick_lookup(
    target: Target,
    environ: Mapping[str, str],
    fetch: Callable[[ApiClient], Awaitable[T]],
    tick: Callable[[], None] | None = None,
) -> T | None:
    """Return what `fetch` returns; `None` when it takes too long.

    Args:
        tick: called several times a second meanwhile.

    Raises:
        KaitoError: no cluster is configured, the kubeconfig is not valid, or `fetch` raised it.
        Interrupted: Ctrl-C.
    """

    async def bounded() -> T:
        silent = Silent()
        async with asyncio.timeout(TIMEOUT):
            config = await asyncio.to_thread(find_cluster_config, target, environ, silent)
            async with ApiClient(config, silent) as cluster:
                return await fetch(cluster)

    with ThreadedLoop(tick) as loop:
        try:
            return loop.run(bounded())
        except TimeoutError:
            return None


class Silent:
    """A reporter that reports nothing."""

    def status(self, text: str) -> None: ...

    def retrying(self, reason: str, delay: float) -> None: ...

    def notice(self, text: str) -> None: ...
