"""Waiting until a workspace is ready, with a line that tells how far it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import aclosing, asynccontextmanager
from typing import Any

from kaito.cluster.api_client import ApiClient
from kaito.cluster.watch import ConnectionMonitor, watch
from kaito.cluster.workspaces.engine_metrics import Engine, download_words
from kaito.cluster.workspaces.lookup import get_inference_set, get_replicas, get_workspace, served_path
from kaito.cluster.workspaces.objects import CREATED_BY, Condition, Workspace, obstacles, read_workspace
from kaito.cluster.workspaces.overview import bare
from kaito.cluster.workspaces.probes import PodEvent, newest_event, probe_engine
from kaito.cluster.workspaces.readiness import NotReady, check_ready, not_ready
from kaito.types import Reporter, Target
from kaito.util.durations import human_duration
from kaito.util.tasks import cancel_and_wait

#: Seconds between two looks at the pod.
_REFRESH = 2.0


async def wait_until_ready(cluster: ApiClient, target: Target, timeout: float, reporter: Reporter) -> None:
    """Return when the Workspace that was named is ready, or one replica of the InferenceSet is.

    Args:
        cluster: where it is.
        target: names it.
        timeout: seconds; 0 looks once.
        reporter: told of each condition that is waited for, and in between how far it is.

    Raises:
        NotReady: it is not ready in time, or will never be as it trains a model.
        NotFoundError: there is none of that name, or no longer.
        KaitoError: the API server refuses, or cannot be reached from the start.
    """
    waiting = _Waiting(cluster, target, reporter)
    if await waiting.look():
        return
    try:
        async with asyncio.timeout(timeout), _beside(waiting.refresh()):
            await waiting.follow()
    except TimeoutError:
        raise waiting.failure(human_duration(timeout)) from None
    finally:
        reporter.status("")


class _Waiting:
    """The wait for one Workspace, or for a replica of one InferenceSet."""

    def __init__(self, cluster: ApiClient, target: Target, reporter: Reporter) -> None:
        self._cluster = cluster
        self._name = target.workspace or ""
        self._is_set = target.kind == "inferenceset"
        self._reporter = reporter
        self._monitor = ConnectionMonitor(reporter.notice)
        self._told: str | None = None
        #: What is waited for: the Workspace, or the replica that is nearest to being ready.
        self._workspace: Workspace | None = None
        self._unmet: tuple[Condition, ...] = ()
        self._event: PodEvent | None = None
        self._engine: Engine | None = None

    async def look(self) -> bool:
        """Look once; return whether it is ready."""
        if self._is_set:
            return await self._take(await get_replicas(self._cluster, self._name))
        return await self._take([await get_workspace(self._cluster, self._name)])

    async def follow(self) -> None:
        """Return when it is ready."""
        selector = f"{CREATED_BY}={self._name}" if self._is_set else f"metadata.name={self._name}"
        params = {"labelSelector" if self._is_set else "fieldSelector": selector}
        path = await served_path(self._cluster, "workspaces", selection=params)
        async with aclosing(
            watch(self._cluster, path, on_disconnect=self._monitor.disconnected, **params)
        ) as snapshots:
            async for objects in snapshots:
                self._monitor.connected()
                if await self._take([read_workspace(item) for item in objects.values()]):
                    return

    async def refresh(self) -> None:
        """Keep the line about the pod fresh, as long as it is waited for."""
        while True:
            if (workspace := self._workspace) is not None:
                name, namespace = workspace.name, workspace.namespace
                self._event, self._engine = await asyncio.gather(
                    newest_event(self._cluster, f"{name}-0", namespace), probe_engine(self._cluster, name, namespace)
                )
                self._show()
            await asyncio.sleep(_REFRESH)

    def failure(self, waited: str) -> NotReady:
        """Return what to raise when it took too long."""
        kind, argument = ("InferenceSet", "inferenceset/") if self._is_set else ("Workspace", "")
        further = [f"The newest event of its pod is {self._event}"] if self._event is not None else []
        return not_ready(kind, self._name, argument + self._name, self._unmet, *further, waited=waited)

    async def _take(self, workspaces: list[Workspace]) -> bool:
        """Take note of what there is; return whether it is ready."""
        if any(workspace.ready for workspace in workspaces):
            return True
        if workspaces:
            # The one with the fewest obstacles is the next to be ready.
            nearest = min(workspaces, key=lambda workspace: (len(workspace.obstacles) or 99, workspace.name))
            if not self._is_set and nearest.tuning:
                check_ready(nearest)
            self._workspace, self._unmet = nearest, nearest.obstacles
        else:
            self._workspace = None
            self._unmet = await self._without_any()
        self._tell()
        return False

    async def _without_any(self) -> tuple[Condition, ...]:
        """Return what an InferenceSet without replicas waits for.

        Raises:
            NotFoundError: it is not there, or the Workspace was deleted.
        """
        if self._is_set:
            return obstacles((await get_inference_set(self._cluster, self._name)).conditions)
        await get_workspace(self._cluster, self._name)
        return ()

    def _tell(self) -> None:
        """Tell of the condition that is waited for, if it is another one than before."""
        if self._workspace is not None:
            told = f"Waiting for '{self._workspace.name}': {bare(self._workspace).why}"
        else:
            told = f"Waiting for '{self._name}': {self._unmet[0] if self._unmet else 'it has no replica yet'}"
        if told != self._told:
            self._told = told
            self._reporter.notice(told)
        self._show()

    def _show(self) -> None:
        """Show the rest, what moves fastest first."""
        download = download_words(self._engine) if self._engine is not None else ""
        told = [f"downloading the model, {download}"] if download else []
        told += [str(self._event)] if self._event is not None else []
        told += [self._unmet[0].message or self._unmet[0].type] if self._unmet else []
        self._reporter.status("waiting: " + "; ".join(told) if told else f"waiting for {self._name}")


@asynccontextmanager
async def _beside(coroutine: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run something beside what runs within, as long as that lasts."""
    task = asyncio.create_task(coroutine)
    try:
        yield
    finally:
        await cancel_and_wait(task)
    if not task.cancelled():
        task.result()
