"""One API client for all backends of a run, created when the first of them needs it."""

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
from kaito.cluster.workspaces.readiness import ServingWorkspace, find_serving_workspace
from kaito.errors import ClusterError, ConnectError
from kaito.types import Reporter, Target
from kaito.types.targets import shown_url
from kaito.util.tasks import cancel_and_wait

_clients: WeakValueDictionary[Target, SharedClient] = WeakValueDictionary()


def shared_client(target: Target) -> SharedClient:
    """Return the client for a target's cluster. All callers get the same one for as long as any of them uses it."""
    client = _clients.get(target)
    if client is None:
        client = _clients[target] = SharedClient(target)
    return client


class SharedClient:
    """An API client with several users, each of which enters its context. It is closed when the last one leaves."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._users = 0
        self._stack = AsyncExitStack()
        self._client: asyncio.Task[ApiClient] | None = None
        self._serving: asyncio.Task[ServingWorkspace] | None = None

    async def __aenter__(self) -> Self:
        self._users += 1
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._users -= 1
        if self._users == 0:
            for task in (self._serving, self._client):
                if task is not None:
                    await cancel_and_wait(task)
            self._serving = self._client = None
            await self._stack.aclose()

    async def client(self, reporter: Reporter) -> ApiClient:
        """Return the API client, or raise the error of an invalid configuration. No request has been sent yet."""
        if self._client is None:
            self._client = asyncio.create_task(self._open(reporter))
        return await asyncio.shield(self._client)

    async def serving(self, reporter: Reporter) -> ServingWorkspace:
        """Return the Workspace that answers, or raise the reason why none does. All callers share one lookup."""
        if self._serving is None:
            self._serving = asyncio.create_task(self._find(reporter))
        return await asyncio.shield(self._serving)

    async def _open(self, reporter: Reporter) -> ApiClient:
        # A missing configuration is not a failed connection, and its error stays as it is. In a thread: a kubeconfig
        # may be a pipe, and reading it may take time.
        config = await asyncio.to_thread(find_cluster_config, self._target, os.environ, reporter)
        return await self._stack.enter_async_context(ApiClient(config, reporter, self._target.request_timeout))

    async def _find(self, reporter: Reporter) -> ServingWorkspace:
        client = await self.client(reporter)
        with self._as_connect_error(client.namespace):
            if self._target.wait is not None:
                from kaito.cluster.workspaces.waiting import wait_until_ready

                await wait_until_ready(client, self._target, self._target.wait, reporter)
            return await find_serving_workspace(client, self._target, reporter)

    @contextmanager
    def _as_connect_error(self, namespace: str | None) -> Iterator[None]:
        """Report an unreachable cluster as an unreachable workspace."""
        try:
            yield
        except ClusterError as exc:
            raise ConnectError(shown_url(self._target.workspace, namespace), exc.message, *exc.hints) from None
