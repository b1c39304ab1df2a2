"""One connection to the cluster for all backends of a run, made when the first of them needs it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from types import TracebackType
from typing import Self
from weakref import WeakValueDictionary

from kaito.cluster.api_client import ApiClient
from kaito.cluster.auth.cluster_config import find_cluster_config
from kaito.cluster.service_urls import shown_url
from kaito.cluster.workspaces.readiness import ServingWorkspace, find_serving_workspace
from kaito.cluster.workspaces.waiting import wait_until_ready
from kaito.errors import ClusterError, ConnectError
from kaito.types import Reporter, Target
from kaito.util.tasks import cancel_and_wait

_links: WeakValueDictionary[Target, SharedClient] = WeakValueDictionary()


def shared_client(target: Target) -> SharedClient:
    """Return the link to a target's cluster: the same for all that ask while somebody holds it."""
    link = _links.get(target)
    if link is None:
        link = _links[target] = SharedClient(target)
    return link


class SharedClient:
    """A connection to the API server that several share. Each enters it; when the last has left, it is closed."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._users = 0
        self._stack = AsyncExitStack()
        self._cluster: asyncio.Task[ApiClient] | None = None
        self._serving: asyncio.Task[ServingWorkspace] | None = None

    async def __aenter__(self) -> Self:
        self._users += 1
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._users -= 1
        if self._users == 0:
            # Whoever waited for them has seen their failure.
            for task in (self._serving, self._cluster):
                if task is not None:
                    await cancel_and_wait(task)
            self._serving = self._cluster = None
            await self._stack.aclose()

    async def cluster(self, reporter: Reporter) -> ApiClient:
        """Return the API server's client. Nothing has been sent yet.

        Raises:
            KaitoError: there is no cluster, or the kubeconfig is of no use.
        """
        if self._cluster is None:
            self._cluster = asyncio.create_task(self._open(reporter))
        return await asyncio.shield(self._cluster)

    async def serving(self, reporter: Reporter) -> ServingWorkspace:
        """Return the Workspace that is to answer. It is looked for once, whoever asks.

        Raises:
            KaitoError: there is none, or it is not ready.
        """
        if self._serving is None:
            self._serving = asyncio.create_task(self._find(reporter))
        return await asyncio.shield(self._serving)

    async def _open(self, reporter: Reporter) -> ApiClient:
        with self._reaching(self._target.namespace):
            access = find_cluster_config(self._target, os.environ, reporter)
        return await self._stack.enter_async_context(ApiClient(access, self._target.request_timeout))

    async def _find(self, reporter: Reporter) -> ServingWorkspace:
        cluster = await self.cluster(reporter)
        with self._reaching(cluster.namespace):
            if self._target.wait is not None:
                await wait_until_ready(cluster, self._target, self._target.wait, reporter)
            return await find_serving_workspace(cluster, self._target, reporter)

    @contextmanager
    def _reaching(self, namespace: str | None) -> Iterator[None]:
        """Say of a cluster that cannot be reached that the workspace cannot be."""
        try:
            yield
        except ClusterError as exc:
            shown = shown_url(self._target.workspace or "", namespace or "default")
            raise ConnectError(shown, exc.message, *exc.hints) from None
