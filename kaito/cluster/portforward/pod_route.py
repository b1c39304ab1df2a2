"""The port-forward route to a workspace: tunnels to its pod, and to the next pod when that is replaced."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from types import TracebackType
from typing import Self, TypeVar

import aiohttp

from kaito.cluster.api_client import ApiClient
from kaito.cluster.api_errors import ApiUnavailableError, MissingPermissionError, ObjectNotFoundError
from kaito.cluster.api_retry import BUSY_STATUSES
from kaito.cluster.kinds import Pod
from kaito.cluster.permissions import is_allowed, missing_permission
from kaito.cluster.portforward.connector import TunnelConnector
from kaito.cluster.portforward.dial import dial
from kaito.cluster.portforward.pool import TunnelPool
from kaito.cluster.portforward.protocol import PodPort, TunnelError
from kaito.cluster.portforward.transport import TunnelTransport
from kaito.cluster.services import PodAddress, find_pod
from kaito.cluster.watch import watch
from kaito.cluster.workspaces.readiness import ServingWorkspace, find_serving_workspace
from kaito.errors import ClusterError, ConnectError, ForbiddenError, KaitoError, NotFoundError
from kaito.types import Reporter, Target
from kaito.util.tasks import cancel_and_wait

P = TypeVar("P", bound=asyncio.Protocol)

#: Seconds that a message waits for a new pod or for the API server, as long as for an overloaded model server.
POD_TIMEOUT = 60.0
#: Seconds between two attempts to find a pod.
_INTERVAL = 0.5
#: How often in a row the API server may fail to find a pod that it lists as ready.
_MOST_MISSING = 3
_RESOURCE = "pods/portforward"


class PodRoute:
    """Tunnels to the pod of a workspace. Use it as an asynchronous context manager, in one event loop.

    Not every tunnel ends when its pod does, so the pod is watched. When it is deleted or evicted, or its container
    restarts, open responses fail at once, and a spare tunnel to the new pod is opened as soon as that is ready. While
    there is no pod or no API server, a message waits up to :data:`POD_TIMEOUT`.

    Args:
        cluster: the API server.
        target: what to look up when the pod was lost.
        serving: the workspace that answers first.
        pod: its pod.
        reporter: gets a notice when a message goes to another pod.
        dial_timeout: seconds.
    """

    def __init__(
        self,
        cluster: ApiClient,
        target: Target,
        serving: ServingWorkspace,
        pod: PodAddress,
        reporter: Reporter,
        dial_timeout: float,
    ) -> None:
        self.serving = serving
        self._cluster = cluster
        self._target = target
        self._reporter = reporter
        self._pod = self._reported_pod = pod
        self._lost = False
        self._missing = 0
        self._waiting = 0
        self._dial_timeout = dial_timeout
        self._pool = TunnelPool(self._dial, self._locate)
        self._watch_task: asyncio.Task[None] | None = None
        self._stack = AsyncExitStack()

    @property
    def description(self) -> str:
        """The pod's name and namespace, for messages."""
        return f"pod {self._pod.name} in namespace {self.serving.namespace}"

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._pool)
            try:
                await self._pool.prepare()
            except (ForbiddenError, NotFoundError, ConnectError):
                raise
            except (OSError, KaitoError) as exc:
                hints = exc.hints if isinstance(exc, KaitoError) else ()
                raise ConnectError(self.serving.shown_url, _message(exc), *hints) from None
            self._start_watch()
            stack.push_async_callback(self._end_watch)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def connector(self) -> aiohttp.BaseConnector:
        return TunnelConnector(self.connect)

    async def connect(self, factory: Callable[[], P]) -> tuple[TunnelTransport, P]:
        """Open a connection to the current pod, as `loop.create_connection` does.

        Raises:
            OSError: the pod cannot be reached.
            KaitoError: there is no pod, or the API server rejects the request.
        """
        self._waiting += 1
        try:
            connection = await self._connect(factory)
        finally:
            self._waiting -= 1
        if self._pod.uid != self._reported_pod.uid:
            self._reporter.notice(f"{self._what_happened()}: pod {self._pod.name} answers now")
            self._reported_pod = self._pod
        return connection

    async def _connect(self, factory: Callable[[], P]) -> tuple[TunnelTransport, P]:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + POD_TIMEOUT
        while True:
            try:
                return await self._pool.connect(factory)
            except ClusterError as exc:
                if loop.time() > deadline or _is_given_up(exc):
                    raise ConnectError(self.serving.shown_url, exc.message, *exc.hints) from None
                self._reporter.status("waiting for the API server")
                await asyncio.sleep(_INTERVAL)

    def _what_happened(self) -> str:
        if self._pod.name == self._reported_pod.name:
            return "The pod was replaced"
        return f"Pod {self._reported_pod.name} no longer exists"

    async def _dial(self, address: PodPort) -> TunnelTransport:
        try:
            tunnel = await dial(self._cluster.websocket, address, timeout=self._dial_timeout)
        except ObjectNotFoundError as exc:
            self._missing += 1
            if self._missing > _MOST_MISSING:
                raise ConnectError(self.serving.shown_url, exc.message) from None
            # The watch has not reported the loss yet.
            await asyncio.sleep(_INTERVAL)
            self._lose("The pod was deleted")
            raise
        except ForbiddenError as exc:
            raise await self._explained(exc, address) from None
        self._missing = 0
        return tunnel

    async def _explained(self, exc: ForbiddenError, address: PodPort) -> ForbiddenError:
        """Return the error for the missing permission. Some API servers also require `create` without naming it."""
        if isinstance(exc, MissingPermissionError) or await is_allowed(
            self._cluster, address.namespace, "create", _RESOURCE, name=address.pod
        ):
            return exc
        required = f"A port-forward requires the verbs 'get' and 'create' on '{_RESOURCE}'"
        return missing_permission(self._cluster, address.namespace, "create", _RESOURCE, required)

    async def _locate(self) -> PodPort:
        """Return the pod's address. If the pod was lost, wait for another one as long as a message may wait."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + POD_TIMEOUT
        while self._lost:
            try:
                # Another replica of an InferenceSet may be ready already.
                serving = await find_serving_workspace(self._cluster, self._target, self._reporter)
                pod = await find_pod(self._cluster, serving.namespace, serving.name)
            except (NotFoundError, ClusterError) as exc:
                # For a spare, it is not worth waiting.
                if not self._waiting or loop.time() > deadline or _is_given_up(exc):
                    raise
                self._reporter.status(f"waiting for a pod of {self.serving.name}")
                await asyncio.sleep(_INTERVAL)
            else:
                self._use(serving, pod)
        return self._address()

    def _use(self, serving: ServingWorkspace, pod: PodAddress) -> None:
        renamed = pod.name != self._pod.name
        self.serving, self._pod = serving, pod
        self._lost = False
        if renamed:
            self._start_watch()

    def _address(self) -> PodPort:
        return PodPort(namespace=self.serving.namespace, pod=self._pod.name, port=self._pod.port)

    def _start_watch(self) -> None:
        if self._watch_task is not None:
            self._watch_task.cancel()
        self._watch_task = asyncio.create_task(self._watch(self._pod.name), name=f"watch pod {self._pod.name}")

    async def _end_watch(self) -> None:
        if self._watch_task is not None:
            await cancel_and_wait(self._watch_task)

    async def _watch(self, name: str) -> None:
        """Watch a pod. Without permission to, a dead tunnel is detected by its heartbeat."""
        path = f"/api/v1/namespaces/{self.serving.namespace}/pods"
        restarts: int | None = None
        with suppress(KaitoError):
            selector = f"metadata.name={name}"
            async for objects in watch(self._cluster, path, Pod, on_disconnect=lambda _: None, fieldSelector=selector):
                pod = next(iter(objects.values()), None)
                count = _restarts(pod, self._pod.port) if pod is not None else None
                restarted = restarts is not None and count is not None and count > restarts
                restarts = count
                self._on_change(pod, restarted=restarted)

    def _on_change(self, pod: Pod | None, *, restarted: bool) -> None:
        if pod is None or (self._pod.uid and pod.metadata.uid != self._pod.uid):
            self._lose("The pod was deleted")
        elif pod.status.phase in ("Failed", "Succeeded"):
            self._lose(f"The pod has ended ({pod.status.reason or pod.status.phase})")
        elif restarted:
            self._lose("The model's container was restarted")
        elif pod.metadata.deletion_timestamp:
            # The pod may finish the responses that it has begun.
            self._lose("The pod is being deleted", cut=False)
        if self._lost and pod is not None and pod.ready:
            self._pod = PodAddress(name=self._pod.name, uid=pod.metadata.uid, port=self._pod.port)
            self._lost = False
            self._pool.switch(self._address())

    def _lose(self, reason: str, *, cut: bool = True) -> None:
        if not self._lost or cut:
            self._pool.drop(reason, cut=cut)
        self._lost = True


def _is_given_up(exc: KaitoError) -> bool:
    """Return whether a request has been repeated for as long as a message may wait."""
    return isinstance(exc, ApiUnavailableError) and exc.status in BUSY_STATUSES


def _message(exc: OSError | KaitoError) -> str:
    if isinstance(exc, KaitoError | TunnelError):
        return exc.message
    return exc.strerror or "The port-forward failed"


def _restarts(pod: Pod, port: int) -> int:
    """Return the restarts of the container with the port; of all containers if none declares it."""
    names = {
        container.name
        for container in pod.spec.containers
        if any(declared.container_port == port for declared in container.ports)
    }
    return sum(one.restart_count for one in pod.status.container_statuses if not names or one.name in names)
