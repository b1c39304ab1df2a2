"""Waits until a workspace is ready (`--wait`), and reports the progress."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from contextlib import aclosing, asynccontextmanager
from typing import Any

from kaito.cluster.api_client import ApiClient
from kaito.cluster.watch import ConnectionMonitor, watch
from kaito.cluster.workspaces.engine_metrics import EngineMetrics, download_progress
from kaito.cluster.workspaces.health_checks import all_with_health
from kaito.cluster.workspaces.lookup import get_inference_set, get_replicas, get_workspace, served_list_path
from kaito.cluster.workspaces.objects import INFERENCE_SET_LABEL, Workspace, WorkspaceObject, parse_workspace
from kaito.cluster.workspaces.overview import unprobed_workspace
from kaito.cluster.workspaces.probes import PodEvent, fetch_engine_metrics, fetch_newest_event
from kaito.cluster.workspaces.readiness import NotReadyError, event_details, not_ready_error, require_serving
from kaito.types import Reporter, Target
from kaito.util.durations import human_duration
from kaito.util.tasks import cancel_and_wait

#: Seconds between two probes of the pod, and between two checks when only the pod is missing.
_PROBE_INTERVAL = 2.0
_POD_INTERVAL = 1.0


async def wait_until_ready(cluster: ApiClient, target: Target, timeout: float, reporter: Reporter) -> None:
    """Wait until the target's Workspace, or one replica of its InferenceSet, is ready.

    The timeout is in seconds; 0 checks once. The reporter receives a notice for each condition that is waited for, and
    the progress as its status.

    Raises:
        NotReadyError: it is not ready in time, or is a tuning workspace.
        NotFoundError: it does not exist, or was deleted.
        KaitoError: the API server returned an error, or cannot be reached at first.
    """
    wait = _ReadinessWait(cluster, target, reporter)
    if await wait.check():
        return
    try:
        async with asyncio.timeout(timeout), _in_background(wait.probe_repeatedly()):
            await wait.watch()
    except TimeoutError:
        raise wait.timeout_error(human_duration(timeout)) from None
    finally:
        reporter.status("")


class _ReadinessWait:
    """Waits for one Workspace, or for a replica of one InferenceSet."""

    def __init__(self, cluster: ApiClient, target: Target, reporter: Reporter) -> None:
        self._cluster = cluster
        self._target = target
        self._name = target.workspace or ""
        self._is_set = target.kind == "inferenceset"
        self._reporter = reporter
        self._monitor = ConnectionMonitor(reporter.notice)
        self._last_notice: str | None = None
        #: The Workspace, or the replica that is closest to being ready.
        self._workspace: Workspace | None = None
        self._reasons: tuple[str, ...] = ()
        self._event: PodEvent | None = None
        self._engine: EngineMetrics | None = None

    async def check(self) -> bool:
        """Return whether it is ready now."""
        if self._is_set:
            return await self._update(await get_replicas(self._cluster, self._name))
        return await self._update([await get_workspace(self._cluster, self._name)])

    async def watch(self) -> None:
        """Wait until it is ready."""
        selector = f"{INFERENCE_SET_LABEL}={self._name}" if self._is_set else f"metadata.name={self._name}"
        params = {"labelSelector" if self._is_set else "fieldSelector": selector}
        path = await served_list_path(self._cluster, WorkspaceObject, selector=params)
        async with aclosing(
            watch(self._cluster, path, WorkspaceObject, on_disconnect=self._monitor.disconnected, **params)
        ) as snapshots:
            await self._watch(snapshots)

    async def _watch(self, snapshots: AsyncGenerator[dict[str, WorkspaceObject], None]) -> None:
        """Wait until a snapshot is ready. When only the pod is missing, it is checked again at intervals."""
        workspaces: list[Workspace] = []
        change: asyncio.Task[dict[str, WorkspaceObject]] | None = None
        try:
            while True:
                if change is None:
                    change = asyncio.create_task(anext(snapshots))
                waits_for_pod = any(workspace.reported_ready for workspace in workspaces)
                await asyncio.wait({change}, timeout=_POD_INTERVAL if waits_for_pod else None)
                if change.done():
                    workspaces = [parse_workspace(item) for item in change.result().values()]
                    change = None
                    self._monitor.connected()
                if await self._update(workspaces):
                    return
        finally:
            if change is not None:
                await cancel_and_wait(change)

    async def probe_repeatedly(self) -> None:
        """Update the status line with the pod's events and the download's progress, until cancelled."""
        while True:
            if (workspace := self._workspace) is not None:
                name, namespace = workspace.name, workspace.namespace
                self._event, self._engine = await asyncio.gather(
                    fetch_newest_event(self._cluster, f"{name}-0", namespace),
                    fetch_engine_metrics(self._cluster, name, namespace),
                )
                self._show_status()
            await asyncio.sleep(_PROBE_INTERVAL)

    def timeout_error(self, waited: str) -> NotReadyError:
        """Return the error for a wait that took too long."""
        return not_ready_error(self._target, self._reasons, *event_details(self._event), waited=waited)

    async def _update(self, workspaces: list[Workspace]) -> bool:
        """Record the current state; return whether it is ready."""
        reported = [workspace for workspace in workspaces if workspace.reported_ready]
        checked = await all_with_health(self._cluster, reported)
        if any(workspace.ready for workspace in checked):
            return True
        if workspaces:
            nearest = min(checked or workspaces, key=_distance)
            if not self._is_set:
                require_serving(nearest, self._target)
            self._workspace, self._reasons = nearest, nearest.reasons
        else:
            self._workspace, self._reasons = None, await self._reasons_without_workspace()
        self._report()
        return False

    async def _reasons_without_workspace(self) -> tuple[str, ...]:
        """Return why an InferenceSet without replicas is not ready.

        Raises:
            NotFoundError: it does not exist, or the Workspace was deleted.
        """
        if self._is_set:
            return ((await get_inference_set(self._cluster, self._name)).unmet_condition or "it has no replicas yet",)
        await get_workspace(self._cluster, self._name)
        return ()

    def _report(self) -> None:
        """Write a notice when the reason for waiting has changed."""
        if self._workspace is not None:
            notice = f"Waiting for '{self._workspace.name}': {unprobed_workspace(self._workspace).why}"
        else:
            notice = f"Waiting for '{self._name}': {self._reasons[0] if self._reasons else 'it was deleted'}"
        if notice != self._last_notice:
            self._last_notice = notice
            self._reporter.notice(notice)
        self._show_status()

    def _show_status(self) -> None:
        """Show details that the notice above lacks. A long line is shortened in the middle, which matters least."""
        download = download_progress(self._engine) if self._engine is not None else ""
        parts = [f"downloading the model, {download}"] if download else []
        if self._reasons:
            unmet = self._workspace.unmet_conditions if self._workspace is not None else ()
            is_problem = self._workspace is not None and self._workspace.reported_ready
            reason = self._reasons[0] if is_problem or not unmet else unmet[0].message or unmet[0].type
            parts += [reason] if reason not in (self._last_notice or "") else []
        parts += [str(self._event)] if self._event is not None else []
        text = "; ".join(parts) or "waiting"
        self._reporter.status(text if text.lower().startswith("waiting") else f"waiting: {text}")


def _distance(workspace: Workspace) -> tuple[int, str]:
    """Return the sort key of a Workspace: the one that is closest to being ready comes first."""
    # The fewer conditions are unmet, the sooner it is ready; none at all means that it has no status yet.
    return (0 if workspace.reported_ready else len(workspace.unmet_conditions) or 99, workspace.name)


@asynccontextmanager
async def _in_background(coroutine: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run a coroutine while the block runs, then cancel it; an error that it raised is raised at the block's end."""
    task = asyncio.create_task(coroutine)
    try:
        yield
    finally:
        await cancel_and_wait(task)
    if not task.cancelled():
        task.result()
