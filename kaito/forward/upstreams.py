"""The open ways that requests may go: one to a workspace, or one to each ready replica of an InferenceSet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import Self

from msgspec.structs import replace
from yarl import URL

from kaito.cluster.api_client import ApiClient
from kaito.cluster.connection_monitor import ConnectionMonitor
from kaito.cluster.workspaces.lookup import get_inference_set, served_path
from kaito.cluster.workspaces.objects import CREATED_BY, read_workspace
from kaito.cluster.workspaces.waiting import wait_until_ready
from kaito.endpoints.selection import open_endpoint
from kaito.errors import ClusterError, KaitoError
from kaito.hookspecs import Backend
from kaito.net.http_session import EndpointSession
from kaito.plugin.manager import Offered, Plugins
from kaito.settings import Settings
from kaito.types import Endpoint, Reporter
from kaito.util.tasks import cancel_and_wait

#: Seconds until a replica that could not be reached is tried again.
_PAUSE = 5.0


class Upstream:
    """An open endpoint with a session of its own.

    Args:
        name: the workspace's.
        endpoint: open.
        settings: what the user asked for.
    """

    def __init__(self, name: str, endpoint: Endpoint, settings: Settings) -> None:
        self.name = name
        self.endpoint = endpoint
        self.settings = settings
        self.session = EndpointSession(endpoint, settings, bare=True)
        base = URL(endpoint.url)
        self._query = base.query
        self._base = str(base.with_query(None)).rstrip("/").removesuffix("/v1").rstrip("/")
        #: Lower-case names of the headers that are ours to set, whatever a client sends.
        self.secret_headers = frozenset(
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
        """Return where a request for a path of ours goes."""
        url = URL(self._base + path, encoded=True)
        return url.update_query(self._query) if self._query else url


class Upstreams:
    """All ways that are open, kept so: those of an InferenceSet come and go with its replicas.

    Use it as a context, in one event loop.

    Args:
        backends: returns the backends to ask for a target.
        plugins: isolates them.
        settings: what the user asked for.
        reporter: is told what becomes of the ways.
    """

    def __init__(
        self,
        backends: Callable[[Settings], Mapping[str, Offered[Backend]]],
        plugins: Plugins,
        settings: Settings,
        reporter: Reporter,
    ) -> None:
        self._backends = backends
        self._plugins = plugins
        self._settings = settings
        self._reporter = reporter
        self._ways: dict[str, Upstream] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._stack = AsyncExitStack()
        self._following: asyncio.Task[None] | None = None
        self._unreachable: set[str] = set()
        #: The name of the backend that leads there.
        self.backend = ""

    async def __aenter__(self) -> Self:
        """Open the way, or the first of several.

        Raises:
            KaitoError: there is none.
        """
        async with AsyncExitStack() as stack:
            if self._settings.target.kind == "inferenceset":
                await self._follow_replicas(stack)
            else:
                await self._open(stack, self._settings)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def lasting(self) -> None:
        """Wait as long as the ways are kept up, which is for ever if all is well.

        Raises:
            KaitoError: an InferenceSet's replicas cannot be followed any more.
        """
        await (asyncio.shield(self._following) if self._following is not None else asyncio.Event().wait())

    def least_busy(self, connections: Mapping[str, int]) -> Upstream:
        """Return the way with the fewest connections.

        Args:
            connections: how many there are, by the way's name.

        Raises:
            KaitoError: no replica is ready.
        """
        if not self._ways:
            raise ClusterError("No replica is ready", "It is tried again as soon as one is")
        return min(self._ways.values(), key=lambda way: (connections.get(way.name, 0), way.name))

    def is_open(self, way: Upstream) -> bool:
        """Return whether a way still leads somewhere."""
        return self._ways.get(way.name) is way

    async def _open(self, stack: AsyncExitStack, settings: Settings) -> Upstream:
        def lead(offered: Offered[Backend], endpoint: Endpoint) -> Upstream:
            self.backend = offered.value.name
            return Upstream(settings.target.workspace or endpoint.label, endpoint, settings)

        backends = self._backends(settings)
        way = await stack.enter_async_context(open_endpoint(backends, self._plugins, settings, self._reporter, lead))
        self._ways[way.name] = way
        stack.callback(self._ways.pop, way.name, None)
        return way

    async def _follow_replicas(self, stack: AsyncExitStack) -> None:
        from kaito.cluster.shared_client import shared_client

        target = self._settings.target
        cluster = await (await stack.enter_async_context(shared_client(target))).cluster(self._reporter)
        first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if target.wait is not None:
            await wait_until_ready(cluster, target, target.wait, self._reporter)
        following = self._following = asyncio.create_task(self._keep_up(cluster, target.workspace or "", first))
        stack.push_async_callback(cancel_and_wait, following)
        stack.push_async_callback(self._end_all)
        await asyncio.wait([following, first], return_when=asyncio.FIRST_COMPLETED)
        (following if following.done() else first).result()

    async def _keep_up(self, cluster: ApiClient, name: str, first: asyncio.Future[None]) -> None:
        """Open a way to each replica that becomes ready, and close that of each that no longer is."""
        await get_inference_set(cluster, name)
        path = await served_path(cluster, "workspaces")
        outages = ConnectionMonitor(self._reporter.notice)
        async for items in cluster.follow(path, lost=outages.lost, labelSelector=f"{CREATED_BY}={name}"):
            outages.back()
            ready = {workspace.name for workspace in map(read_workspace, items.values()) if workspace.ready}
            if not ready and not first.done():
                # The same error as for a conversation.
                from kaito.cluster.workspaces.readiness import find_serving

                await find_serving(cluster, self._settings.target, self._reporter)
            for gone in self._tasks.keys() - ready:
                await cancel_and_wait(self._tasks.pop(gone))
                self._reporter.notice(f"Replica {gone} is no longer ready")
            for new in sorted(ready - self._tasks.keys()):
                self._tasks[new] = asyncio.create_task(self._replica(new, first))

    async def _replica(self, name: str, first: asyncio.Future[None]) -> None:
        """Hold the way to one replica open."""
        target = replace(self._settings.target, kind="workspace", workspace=name)
        settings = replace(self._settings, target=target)
        told = ""
        while True:
            try:
                async with AsyncExitStack() as stack:
                    await self._open(stack, settings)
                    self._unreachable.discard(name)
                    self._reporter.notice(f"Replica {name} is ready")
                    if not first.done():
                        first.set_result(None)
                    await asyncio.Event().wait()
            except KaitoError as exc:
                self._unreachable.add(name)
                if not first.done() and self._unreachable >= self._tasks.keys():
                    first.set_exception(exc)
                if exc.message != told:
                    told = exc.message
                    self._reporter.notice(f"Replica {name} cannot be reached: {' '.join((exc.message, *exc.hints))}")
            await asyncio.sleep(_PAUSE)

    async def _end_all(self) -> None:
        await cancel_and_wait(*self._tasks.values())
