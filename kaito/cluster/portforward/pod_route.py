"""The way to a workspace's pod, whichever pod that is at the moment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from types import TracebackType
from typing import Any, Self, TypeVar

import aiohttp

from kaito.cluster.api_client import ApiClient, Object
from kaito.cluster.api_errors import Missing, PermissionMissing
from kaito.cluster.permissions import may
from kaito.cluster.portforward.address import PodPort
from kaito.cluster.portforward.connector import TunnelConnector
from kaito.cluster.portforward.dial import dial
from kaito.cluster.portforward.pool import TunnelPool
from kaito.cluster.portforward.transport import TunnelTransport
from kaito.cluster.services import Pod, find_pod, is_ready
from kaito.cluster.workspaces.readiness import ServingWorkspace, find_serving_workspace
from kaito.errors import ClusterError, ConnectError, ForbiddenError, KaitoError, NotFoundError
from kaito.types import Reporter, Target
from kaito.util.tasks import cancel_and_wait

P = TypeVar("P", bound=asyncio.Protocol)

#: Seconds that a message waits for a new pod or for the API server, as for a model's server that is overloaded.
PATIENCE = 60.0
#: Seconds between two looks for it.
_PAUSE = 0.5


class PodRoute:
    """Tunnels to the pod that answers, found again when it is replaced. Use it as a context, in one event loop.

    A tunnel does not always tell that its pod has gone, so the pod is watched: when it is deleted, evicted or its
    container restarted, answers in flight end with an error at once. A spare tunnel to the new pod is dialled as soon
    as that is ready. While there is no pod, or no API server, a message waits up to :data:`PATIENCE`.

    Args:
        cluster: the API server.
        target: what the user asked for.
        serving: the workspace that answers first.
        pod: its pod.
        reporter: is told, once a message goes there, that another pod answers.
        dial_timeout: seconds.
    """

    def __init__(
        self,
        cluster: ApiClient,
        target: Target,
        serving: ServingWorkspace,
        pod: Pod,
        reporter: Reporter,
        dial_timeout: float,
    ) -> None:
        self.serving = serving
        self._cluster = cluster
        self._target = target
        self._reporter = reporter
        self._pod = self._told = pod
        self._gone = False
        self._waiting = 0
        self._pool = TunnelPool(self._dial, self._locate, timeout=dial_timeout)
        self._watching: asyncio.Task[None] | None = None
        self._stack = AsyncExitStack()

    @property
    def description(self) -> str:
        """Who answers, in words."""
        return f"pod {self._pod.name} in namespace {self.serving.namespace}"

    async def __aenter__(self) -> Self:
        """Dial the first tunnel.

        Raises:
            KaitoError: the user may not, or the pod cannot be reached.
        """
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._pool)
            await self._pool.prepare()
            self._watch()
            stack.push_async_callback(self._end_watch)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def connector(self) -> aiohttp.BaseConnector:
        """Return a connector whose connections lead to the pod."""
        return TunnelConnector(self.connect)

    async def connect(self, factory: Callable[[], P]) -> tuple[TunnelTransport, P]:
        """Make a connection to the pod of the moment, as `loop.create_connection` does.

        Raises:
            OSError: the pod cannot be reached.
            KaitoError: there is none, or the API server refuses.
        """
        self._waiting += 1
        try:
            connection = await self._connected(factory)
        finally:
            self._waiting -= 1
        if self._pod.uid != self._told.uid:
            self._reporter.notice(f"{self._what_happened()}: pod {self._pod.name} answers now")
            self._told = self._pod
        return connection

    async def _connected(self, factory: Callable[[], P]) -> tuple[TunnelTransport, P]:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE
        while True:
            try:
                return await self._pool.connect(factory)
            except ClusterError as exc:
                if loop.time() > deadline:
                    raise ConnectError(self.serving.shown_url, exc.message, *exc.hints) from None
                self._reporter.status("waiting for the API server")
                await asyncio.sleep(_PAUSE)

    def _what_happened(self) -> str:
        return "The pod was replaced" if self._pod.name == self._told.name else f"Pod {self._told.name} has gone"

    async def _dial(self, address: PodPort) -> TunnelTransport:
        try:
            return await dial(self._cluster.websocket, address)
        except Missing:
            # The watch has not told yet.
            self._lose("The pod was deleted")
            raise
        except ForbiddenError as exc:
            raise await self._explained(exc, address) from None

    async def _explained(self, exc: ForbiddenError, address: PodPort) -> ForbiddenError:
        """Return what is missing: a server that checks `create` after the WebSocket's `get` does not say."""
        namespace, part = address.namespace, "portforward"
        if isinstance(exc, PermissionMissing) or await may(
            self._cluster, namespace, "create", "pods", subresource=part, name=address.pod
        ):
            return exc
        return PermissionMissing(
            "create pods/portforward",
            f"You may not create pods/portforward in namespace '{namespace}'",
            "A tunnel takes the verbs 'get' and 'create' on 'pods/portforward'",
            f"To check: kubectl auth can-i create pods --subresource={part} -n {namespace}",
        )

    async def _locate(self) -> PodPort:
        """Return the pod's address; after it was lost, wait for another as long as a message may wait."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE
        while self._gone:
            try:
                # An InferenceSet's other replicas may be ready all the time.
                self.serving = await find_serving_workspace(self._cluster, self._target, self._reporter)
                pod = await find_pod(self._cluster, self.serving.namespace, self.serving.name)
            except (NotFoundError, ClusterError):
                # Nobody waits: it is enough to look again when somebody does.
                if not self._waiting or loop.time() > deadline:
                    raise
                self._reporter.status(f"waiting for a pod of {self.serving.name}")
                await asyncio.sleep(_PAUSE)
            else:
                self._found(pod)
        return self._address()

    def _found(self, pod: Pod) -> None:
        renamed = pod.name != self._pod.name
        self._pod = pod
        self._gone = False
        if renamed:
            self._watch()

    def _address(self) -> PodPort:
        return PodPort(namespace=self.serving.namespace, pod=self._pod.name, port=self._pod.port)

    def _watch(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
        self._watching = asyncio.create_task(self._follow(self._pod.name), name=f"watch pod {self._pod.name}")

    async def _end_watch(self) -> None:
        if self._watching is not None:
            await cancel_and_wait(self._watching)

    async def _follow(self, name: str) -> None:
        """Follow a pod's life, as far as the user may: without that, a dead tunnel is noticed by its pings."""
        path = f"/api/v1/namespaces/{self.serving.namespace}/pods"
        restarts: int | None = None
        with suppress(KaitoError):
            pods = self._cluster.follow(path, lost=lambda _: None, fieldSelector=f"metadata.name={name}")
            async for found in pods:
                pod = next(iter(found.values()), None)
                now = _restarts(pod, self._pod.port) if pod is not None else None
                restarted = restarts is not None and now is not None and now > restarts
                restarts = now
                self._look_at(pod, restarted=restarted)

    def _look_at(self, pod: Object | None, *, restarted: bool) -> None:
        if pod is None or pod["metadata"]["uid"] != self._pod.uid:
            self._lose("The pod was deleted")
        elif (pod.get("status") or {}).get("phase") in ("Failed", "Succeeded"):
            self._lose(f"The pod has ended ({pod['status'].get('reason') or pod['status']['phase']})")
        elif restarted:
            self._lose("The model's container was restarted")
        elif pod["metadata"].get("deletionTimestamp"):
            # It may still finish what it has begun.
            self._lose("The pod is about to end", cut=False)
        if self._gone and pod is not None and is_ready(pod):
            self._pod = Pod(name=self._pod.name, uid=pod["metadata"]["uid"], port=self._pod.port)
            self._gone = False
            self._pool.switch(self._address())

    def _lose(self, reason: str, *, cut: bool = True) -> None:
        if not self._gone or cut:
            self._pool.drop(reason, cut=cut)
        self._gone = True


def _restarts(pod: Mapping[str, Any], port: int) -> int:
    """Return how often the container was restarted that has the port; of all, if none says that it has."""
    containers = (pod.get("spec") or {}).get("containers") or ()
    names = {
        container.get("name")
        for container in containers
        if any(own.get("containerPort") == port for own in container.get("ports") or ())
    }
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    return sum(int(status.get("restartCount") or 0) for status in statuses if not names or status.get("name") in names)
