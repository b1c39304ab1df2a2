"""Watches what `kaito status --watch` shows, and yields an overview after each change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from msgspec import Struct

from kaito.cluster.api_client import ApiClient
from kaito.cluster.kinds import KubernetesObject, Pod, Service
from kaito.cluster.watch import ConnectionMonitor, watch
from kaito.cluster.workspaces.health import WORKSPACE_LABEL, Backing
from kaito.cluster.workspaces.lookup import get_inference_set, get_workspace, served_list_path, sort_replicas
from kaito.cluster.workspaces.objects import (
    INFERENCE_SET_LABEL,
    InferenceSetObject,
    WorkspaceObject,
    parse_inference_set,
    parse_workspace,
)
from kaito.cluster.workspaces.overview import (
    InferenceSetOverview,
    Overview,
    build_overviews,
    deleted_overview,
    probe_inference_set,
    probe_workspace,
    sort_overviews,
    unprobed_workspace,
)
from kaito.errors import ForbiddenError, KaitoError, NotFoundError
from kaito.types import Target
from kaito.util.tasks import cancel_and_wait


class _WatchedList(Struct, frozen=True, kw_only=True):
    """A list of objects to watch."""

    kind: type[KubernetesObject]
    path: str
    #: The query, such as `fieldSelector`.
    params: Mapping[str, str] = {}
    #: Whether it is left out if the user may not watch it.
    optional: bool = False


#: The objects of watched lists, by their kinds and keys; `None` for an optional list that may not be watched.
_Known = dict[type[KubernetesObject], dict[str, Any] | None]


async def watch_overview(
    cluster: ApiClient, target: Target, notice: Callable[[str], None], *, nodes: bool = False
) -> AsyncGenerator[Overview, None]:
    """Yield the overview of the target's Workspace or InferenceSet now and after each change.

    A deletion is yielded too, and an object that is created with the same name is then watched. `notice` is called with
    a line when the API server becomes unreachable and when it recovers.

    Raises:
        NotFoundError: it does not exist.
        KaitoError: the API server returned an error, or cannot be reached at first.
    """
    watch_target = _watch_inference_set if target.kind == "inferenceset" else _watch_workspace
    async with aclosing(watch_target(cluster, target.workspace or "", notice, nodes)) as overviews:
        async for overview in overviews:
            yield overview


async def watch_overviews(
    cluster: ApiClient, notice: Callable[[str], None], *, all_namespaces: bool = False
) -> AsyncGenerator[list[Overview], None]:
    """Yield all Workspaces and InferenceSets, then after each change those that differ.

    Raises:
        KaitoError: as for :func:`watch_overview`.
    """
    path = await served_list_path(cluster, WorkspaceObject, all_namespaces=all_namespaces)
    lists = [_WatchedList(kind=WorkspaceObject, path=path)]
    try:
        path = await served_list_path(cluster, InferenceSetObject, all_namespaces=all_namespaces)
        lists.append(_WatchedList(kind=InferenceSetObject, path=path))
    except (NotFoundError, ForbiddenError):
        pass
    lists += _backing_lists(cluster, all_namespaces=all_namespaces)
    before: dict[str, Overview] | None = None
    async with aclosing(_watch_lists(cluster, lists, notice)) as changes:
        async for known in changes:
            if len(known) < len(lists):
                continue
            now = {f"{type(one)} {one.namespace}/{one.name}": one for one in _overviews(known)}
            if before is None:
                yield sort_overviews(now.values())
            else:
                changed = [entry for key, entry in now.items() if entry != before.get(key)]
                changed += [deleted_overview(entry) for key, entry in before.items() if key not in now]
                if changed:
                    yield sort_overviews(changed)
            before = now


async def _watch_workspace(
    cluster: ApiClient, name: str, notice: Callable[[str], None], nodes: bool
) -> AsyncGenerator[Overview, None]:
    await get_workspace(cluster, name)  # fails with hints when it does not exist
    watched = await _by_name(cluster, WorkspaceObject, name)
    backing = _backing_lists(cluster, name=name)
    seen: Any = None
    lists = [watched, *backing]
    async with aclosing(_watch_lists(cluster, lists, notice)) as changes:
        async for known in changes:
            if len(known) < len(lists):
                continue
            workspace = next(map(parse_workspace, (known[WorkspaceObject] or {}).values()), None)
            state = (workspace, _backing(known).problem(cluster.namespace, name))
            if workspace is not None and state != seen:
                yield await probe_workspace(cluster, workspace, nodes=nodes)
            elif workspace is None and seen is not None and seen[0] is not None:
                yield deleted_overview(unprobed_workspace(seen[0]))
            seen = state


async def _watch_inference_set(
    cluster: ApiClient, name: str, notice: Callable[[str], None], nodes: bool
) -> AsyncGenerator[Overview, None]:
    await get_inference_set(cluster, name)
    watched_set = await _by_name(cluster, InferenceSetObject, name)
    watched_replicas = _WatchedList(
        kind=WorkspaceObject,
        path=await served_list_path(cluster, WorkspaceObject),
        params={"labelSelector": f"{INFERENCE_SET_LABEL}={name}"},
    )
    backing = _backing_lists(cluster)
    seen: Any = None
    lists = [watched_set, watched_replicas, *backing]
    async with aclosing(_watch_lists(cluster, lists, notice)) as changes:
        async for known in changes:
            if len(known) < len(lists):
                continue
            inference_set = next(map(parse_inference_set, (known[InferenceSetObject] or {}).values()), None)
            replicas = sort_replicas(map(parse_workspace, (known[WorkspaceObject] or {}).values()))
            problems = [_backing(known).problem(replica.namespace, replica.name) for replica in replicas]
            state = (inference_set, replicas, problems)
            if inference_set is not None and state != seen:
                yield await probe_inference_set(cluster, inference_set, replicas, nodes=nodes)
            elif inference_set is None and seen is not None and seen[0] is not None:
                yield deleted_overview(InferenceSetOverview(inference_set=seen[0]))
            seen = state


async def _by_name(cluster: ApiClient, kind: type[WorkspaceObject | InferenceSetObject], name: str) -> _WatchedList:
    selector = {"fieldSelector": f"metadata.name={name}"}
    return _WatchedList(kind=kind, path=await served_list_path(cluster, kind, selector=selector), params=selector)


def _backing_lists(cluster: ApiClient, *, name: str | None = None, all_namespaces: bool = False) -> list[_WatchedList]:
    """Return the lists of the pods and Services behind one Workspace, or behind all."""
    scope = "" if all_namespaces else f"namespaces/{cluster.namespace}/"
    labels = {"labelSelector": WORKSPACE_LABEL if name is None else f"{WORKSPACE_LABEL}={name}"}
    names = {} if name is None else {"fieldSelector": f"metadata.name={name}"}
    return [
        _WatchedList(kind=Pod, path=f"/api/v1/{scope}pods", params=labels, optional=True),
        _WatchedList(kind=Service, path=f"/api/v1/{scope}services", params=names, optional=True),
    ]


def _overviews(known: _Known) -> list[Overview]:
    workspaces: Iterable[WorkspaceObject] = (known[WorkspaceObject] or {}).values()
    inference_sets: Iterable[InferenceSetObject] = (known.get(InferenceSetObject) or {}).values()
    return build_overviews(workspaces, inference_sets, _backing(known))


def _backing(known: _Known) -> Backing:
    pods, services = known[Pod], known[Service]
    return Backing(
        pods=None if pods is None else pods.values(), services=None if services is None else services.values()
    )


async def _watch_lists(
    cluster: ApiClient, lists: Sequence[_WatchedList], notice: Callable[[str], None]
) -> AsyncGenerator[_Known, None]:
    """Yield the objects of all lists after each change. Changes are merged if the consumer is slower."""
    monitor = ConnectionMonitor(notice)
    known: _Known = {}
    changed = asyncio.Event()

    async def watch_list(watched: _WatchedList) -> None:
        def disconnected(exc: KaitoError) -> None:
            monitor.disconnected(exc, watched.kind)

        snapshots = watch(cluster, watched.path, watched.kind, on_disconnect=disconnected, **watched.params)
        try:
            async with aclosing(snapshots):
                async for objects in snapshots:
                    monitor.connected(watched.kind)
                    # A copy: the watch updates its objects in place.
                    known[watched.kind] = dict(objects)
                    changed.set()
        except (ForbiddenError, NotFoundError):
            if not watched.optional:
                raise
            known[watched.kind] = None
            changed.set()

    tasks = [asyncio.create_task(watch_list(watched)) for watched in lists]
    for task in tasks:
        # A task ends only when it fails, or when its optional list may not be watched.
        task.add_done_callback(lambda _: changed.set())
    try:
        while True:
            await changed.wait()
            changed.clear()
            for task in tasks:
                if task.done():
                    task.result()
            yield dict(known)
    finally:
        await cancel_and_wait(*tasks)
