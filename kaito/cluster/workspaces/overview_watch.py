"""Watches what `kaito status --watch` shows, and yields an overview after each change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing

from msgspec import Struct

from kaito.cluster.api_client import ApiClient, Object
from kaito.cluster.watch import ConnectionMonitor, watch
from kaito.cluster.workspaces.lookup import get_inference_set, get_workspace, served_list_path, sort_replicas
from kaito.cluster.workspaces.objects import (
    INFERENCE_SET_LABEL,
    InferenceSet,
    Workspace,
    parse_inference_set,
    parse_workspace,
)
from kaito.cluster.workspaces.overview import (
    InferenceSetOverview,
    Overview,
    deleted_overview,
    probe_inference_set,
    probe_workspace,
    sort_overviews,
    unprobed_workspace,
)
from kaito.errors import ForbiddenError, NotFoundError
from kaito.types import Target
from kaito.util.tasks import cancel_and_wait


class _WatchedList(Struct, frozen=True, kw_only=True):
    """A list of objects to watch."""

    #: Such as `workspaces`.
    plural: str
    path: str
    #: The query, such as `fieldSelector`.
    params: Mapping[str, str] = {}


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
    path = await served_list_path(cluster, "workspaces", all_namespaces=all_namespaces)
    lists = [_WatchedList(plural="workspaces", path=path)]
    try:
        path = await served_list_path(cluster, "inferencesets", all_namespaces=all_namespaces)
        lists.append(_WatchedList(plural="inferencesets", path=path))
    except (NotFoundError, ForbiddenError):
        pass
    known: dict[str, dict[str, Overview]] = {}
    async with aclosing(_watch_lists(cluster, lists, notice)) as changes:
        async for watched, objects in changes:
            complete = len(known) == len(lists)
            before = known.get(watched.plural, {})
            now = {key: _unprobed(watched, item) for key, item in objects.items()}
            known[watched.plural] = now
            if complete:
                changed = [entry for key, entry in now.items() if entry != before.get(key)]
                changed += [deleted_overview(entry) for key, entry in before.items() if key not in now]
                if changed:
                    yield sort_overviews(changed)
            elif len(known) == len(lists):
                yield sort_overviews(entry for entries in known.values() for entry in entries.values())


async def _watch_workspace(
    cluster: ApiClient, name: str, notice: Callable[[str], None], nodes: bool
) -> AsyncGenerator[Overview, None]:
    await get_workspace(cluster, name)  # fails with hints when it does not exist
    watched = await _by_name(cluster, "workspaces", name)
    shown: Workspace | None = None
    async with aclosing(_watch_lists(cluster, [watched], notice)) as changes:
        async for _, objects in changes:
            workspace = next((parse_workspace(item) for item in objects.values()), None)
            if workspace is not None and workspace != shown:
                yield await probe_workspace(cluster, workspace, nodes=nodes)
            elif workspace is None and shown is not None:
                yield deleted_overview(unprobed_workspace(shown))
            shown = workspace


async def _watch_inference_set(
    cluster: ApiClient, name: str, notice: Callable[[str], None], nodes: bool
) -> AsyncGenerator[Overview, None]:
    await get_inference_set(cluster, name)
    watched_set = await _by_name(cluster, "inferencesets", name)
    watched_replicas = _WatchedList(
        plural="workspaces",
        path=await served_list_path(cluster, "workspaces"),
        params={"labelSelector": f"{INFERENCE_SET_LABEL}={name}"},
    )
    known: dict[str, dict[str, Object]] = {}
    shown: tuple[InferenceSet | None, list[Workspace]] = (None, [])
    async with aclosing(_watch_lists(cluster, [watched_set, watched_replicas], notice)) as changes:
        async for watched, objects in changes:
            known[watched.plural] = objects
            if len(known) < 2:
                continue
            inference_set = next((parse_inference_set(item) for item in known["inferencesets"].values()), None)
            replicas = sort_replicas(map(parse_workspace, known["workspaces"].values()))
            before, shown = shown, (inference_set, replicas)
            if inference_set is not None and before != shown:
                yield await probe_inference_set(cluster, inference_set, replicas, nodes=nodes)
            elif inference_set is None and before[0] is not None:
                yield deleted_overview(InferenceSetOverview(inference_set=before[0]))


async def _by_name(cluster: ApiClient, plural: str, name: str) -> _WatchedList:
    selector = {"fieldSelector": f"metadata.name={name}"}
    return _WatchedList(plural=plural, path=await served_list_path(cluster, plural, selector=selector), params=selector)


def _unprobed(watched: _WatchedList, item: Object) -> Overview:
    if watched.plural == "inferencesets":
        return InferenceSetOverview(inference_set=parse_inference_set(item))
    return unprobed_workspace(parse_workspace(item))


async def _watch_lists(
    cluster: ApiClient, lists: Sequence[_WatchedList], notice: Callable[[str], None]
) -> AsyncGenerator[tuple[_WatchedList, dict[str, Object]], None]:
    """Yield a list and its objects after each change; changes that the consumer is too slow for are merged."""
    monitor = ConnectionMonitor(notice)
    pending: dict[str, tuple[_WatchedList, dict[str, Object]]] = {}
    changed = asyncio.Event()

    async def watch_list(watched: _WatchedList) -> None:
        async with aclosing(
            watch(cluster, watched.path, on_disconnect=monitor.disconnected, **watched.params)
        ) as snapshots:
            async for objects in snapshots:
                monitor.connected()
                pending[watched.plural] = (watched, objects)
                changed.set()

    tasks = [asyncio.create_task(watch_list(watched)) for watched in lists]
    for task in tasks:
        # A task ends only when it fails.
        task.add_done_callback(lambda _: changed.set())
    try:
        while True:
            await changed.wait()
            changed.clear()
            for task in tasks:
                if task.done():
                    task.result()
            while pending:
                watched, objects = pending.pop(next(iter(pending)))
                # A copy: the watch updates its objects in place.
                yield watched, dict(objects)
    finally:
        await cancel_and_wait(*tasks)
