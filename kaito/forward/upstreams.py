"""The upstreams: an open endpoint for the workspace, or one for each ready replica of an InferenceSet."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Self

import aiohttp
from msgspec.structs import replace
from yarl import URL

from kaito.cluster.api_client import ApiClient
from kaito.cluster.shared_client import shared_client
from kaito.cluster.watch import ConnectionMonitor, watch
from kaito.cluster.workspaces.lookup import get_inference_set, served_list_path
from kaito.cluster.workspaces.objects import INFERENCE_SET_LABEL, WorkspaceObject, parse_workspace
from kaito.cluster.workspaces.readiness import find_serving_workspace
from kaito.cluster.workspaces.waiting import wait_until_ready
from kaito.endpoints.backend_choice import choose_backends
from kaito.endpoints.selection import open_endpoint
from kaito.errors import ClusterError, KaitoError
from kaito.hookspecs import Backend
from kaito.net.http_session import EndpointSession
from kaito.plugin.manager import Offered, Plugins
from kaito.settings import Settings
from kaito.types import Endpoint, Reporter
from kaito.util.tasks import cancel_and_wait

#: Seconds until an unreachable replica is tried again.
_RETRY_DELAY = 5.0


class Upstream:
    """An open endpoint with its own HTTP session. Its name is that of the workspace."""

    def __init__(self, name: str, endpoint: Endpoint, settings: Settings) -> None:
        self.name = name
        self.endpoint = endpoint
        self.settings = settings
        self.session = EndpointSession(endpoint, settings, bare=True)
        # The client limits the time of its requests, and a tunnel the time to connect.
        self.timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=None if endpoint.tunnelled else settings.connect_timeout
        )
        # yarl encodes the host and the path.
        self._base = str(URL(endpoint.base)).rstrip("/")
        self._query = URL(endpoint.url).query
        #: Lower-case names of the headers that replace a client's.
        self.own_headers = frozenset(
            name.lower()
            for name in (
                *endpoint.headers,
                *(name for name, _ in settings.headers),
                *(["authorization"] if settings.api_key else []),
            )
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.session.close()

    def url(self, path: str) -> URL:
        """Return the upstream's URL for a path of the local port."""
        url = URL(self._base + path, encoded=True)
        return url.update_query(self._query) if self._query else url


class Upstreams:
    """Opens the upstreams and keeps them open. Those of an InferenceSet are opened and closed with its replicas.

    Use it as a context manager, in one event loop. The reporter receives a notice when a replica becomes ready or
    unreachable.
    """

    def __init__(self, plugins: Plugins, settings: Settings, reporter: Reporter) -> None:
        self._plugins = plugins
        self._settings = settings
        self._reporter = reporter
        self._upstreams: dict[str, Upstream] = {}
        self._replicas: dict[str, asyncio.Task[None]] = {}
        self._unreachable: set[str] = set()
        self._watch: asyncio.Task[None] | None = None
        self._stack = AsyncExitStack()
        #: The name of the backend of the newest upstream.
        self.backend = ""

    async def __aenter__(self) -> Self:
        """Open the workspace's upstream, or at least the first replica's.

        Raises:
            KaitoError: no endpoint can be used.
        """
        async with AsyncExitStack() as stack:
            if self._settings.target.kind == "inferenceset":
                await self._open_replicas(stack)
            else:
                await self._open(stack, self._settings)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def run(self) -> None:
        """Keep the upstreams open until this is cancelled.

        Raises:
            KaitoError: the replicas of an InferenceSet can no longer be watched.
        """
        await (asyncio.shield(self._watch) if self._watch is not None else asyncio.Event().wait())

    def least_busy(self, connections: Mapping[str, int]) -> Upstream:
        """Return the upstream with the fewest connections.

        Args:
            connections: the number of connections by the upstream's name.

        Raises:
            KaitoError: no replica is ready.
        """
        if not self._upstreams:
            raise ClusterError("No replica is ready", "Requests are forwarded as soon as one is")
        return min(self._upstreams.values(), key=lambda upstream: (connections.get(upstream.name, 0), upstream.name))

    def is_open(self, upstream: Upstream) -> bool:
        """Return whether an upstream has not been closed."""
        return self._upstreams.get(upstream.name) is upstream

    async def _open(self, stack: AsyncExitStack, settings: Settings) -> None:
        def connect(offered: Offered[Backend], endpoint: Endpoint) -> Upstream:
            self.backend = offered.value.name
            return Upstream(settings.target.workspace or endpoint.label, endpoint, settings)

        backends = choose_backends(self._plugins, settings)
        opening = open_endpoint(backends, self._plugins, settings, self._reporter, connect)
        upstream = await stack.enter_async_context(opening)
        self._upstreams[upstream.name] = upstream
        stack.callback(self._upstreams.pop, upstream.name, None)

    async def _open_replicas(self, stack: AsyncExitStack) -> None:
        target = self._settings.target
        shared = await stack.enter_async_context(shared_client(target))
        cluster = await shared.client(self._reporter)
        if target.wait is not None:
            await wait_until_ready(cluster, target, target.wait, self._reporter)
        first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        task = self._watch = asyncio.create_task(self._watch_replicas(cluster, target.workspace or "", first))
        stack.push_async_callback(cancel_and_wait, task)
        stack.push_async_callback(self._close_replicas)
        await asyncio.wait([task, first], return_when=asyncio.FIRST_COMPLETED)
        (task if task.done() else first).result()

    async def _watch_replicas(self, cluster: ApiClient, name: str, first: asyncio.Future[None]) -> None:
        """Open an upstream for each replica that becomes ready, and close it when the replica no longer is.

        `first` gets a result when the first upstream is open, or the error when none can be opened.
        """
        await get_inference_set(cluster, name)
        path = await served_list_path(cluster, WorkspaceObject)
        monitor = ConnectionMonitor(self._reporter.notice)
        selector = f"{INFERENCE_SET_LABEL}={name}"
        watched = watch(cluster, path, WorkspaceObject, on_disconnect=monitor.disconnected, labelSelector=selector)
        async for items in watched:
            monitor.connected()
            ready = {workspace.name for workspace in map(parse_workspace, items.values()) if workspace.ready}
            if not ready and not first.done():
                # Raises the error that a chat would raise.
                await find_serving_workspace(cluster, self._settings.target, self._reporter)
            for lost in self._replicas.keys() - ready:
                await cancel_and_wait(self._replicas.pop(lost))
                self._unreachable.discard(lost)
                self._reporter.notice(f"Replica {lost} is no longer ready")
            for new in sorted(ready - self._replicas.keys()):
                self._replicas[new] = asyncio.create_task(self._keep_open(new, first))

    async def _keep_open(self, name: str, first: asyncio.Future[None]) -> None:
        """Keep the upstream of a replica open, and retry when it cannot be opened."""
        target = replace(self._settings.target, kind="workspace", workspace=name)
        settings = replace(self._settings, target=target)
        reported = ""
        while True:
            try:
                async with AsyncExitStack() as stack:
                    await self._open(stack, settings)
                    self._unreachable.discard(name)
                    self._reporter.notice(f"Replica {name} is ready")
                    if not first.done():
                        first.set_result(None)
                    await asyncio.Event().wait()
            except Exception as exc:
                # No failure may affect the other replicas, and this one may be reachable a moment later.
                error = exc if isinstance(exc, KaitoError) else KaitoError(str(exc) or "no reason given")
                self._unreachable.add(name)
                if not first.done() and self._unreachable >= self._replicas.keys():
                    first.set_exception(error)
                if error.message != reported:
                    reported = error.message
                    message = " ".join((error.message, *error.shown_hints()))
                    self._reporter.notice(f"Replica {name} cannot be reached: {message}")
            await asyncio.sleep(_RETRY_DELAY)

    async def _close_replicas(self) -> None:
        await cancel_and_wait(*self._replicas.values())
