"""Following what `kaito status --watch` shows: a fresh overview after each change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing

from msgspec import Struct

from kaito.cluster.api_client import ApiClient, Object
from kaito.cluster.watch import ConnectionMonitor, watch
from kaito.cluster.workspaces.lookup import get_inference_set, get_workspace, served_path
from kaito.cluster.workspaces.objects import CREATED_BY, InferenceSet, Workspace, read_inference_set, read_workspace
from kaito.cluster.workspaces.overview import (
    Overview,
    SetOverview,
    arranged,
    bare,
    gone,
    look_around,
    look_around_set,
)
from kaito.errors import ForbiddenError, NotFoundError
from kaito.types import Target
from kaito.util.tasks import cancel_and_wait


class _Source(Struct, frozen=True, kw_only=True):
    """Objects to follow: of which kind, where, and which of them."""

    plural: str
    path: str
    params: Mapping[str, str] = {}


async def follow_one(
    cluster: ApiClient, target: Target, notice: Callable[[str], None], *, nodes: bool = False
) -> AsyncGenerator[Overview, None]:
    """Yield what is known of the Workspace or InferenceSet that was named, now and after each change.

    When it is deleted that is yielded, too; another one of its name is followed from then on.

    Args:
        cluster: where it is.
        target: names it.
        notice: told when the API server is lost, and when it is back.
        nodes: whether the readiness of its nodes is wanted.

    Raises:
        NotFoundError: there is none of that name.
        KaitoError: the API server refuses, or cannot be reached from the start.
    """
    name = target.workspace or ""
    if target.kind == "inferenceset":
        async with aclosing(_follow_set(cluster, name, notice, nodes)) as overviews:
            async for overview in overviews:
                yield overview
        return
    await get_workspace(cluster, name)  # tells well what is there when it is not
    selection = {"fieldSelector": f"metadata.name={name}"}
    path = await served_path(cluster, "workspaces", selection=selection)
    source = _Source(plural="workspaces", path=path, params=selection)
    shown: Workspace | None = None
    async with aclosing(_followed(cluster, [source], notice)) as changes:
        async for _, objects in changes:
            found = next((read_workspace(item) for item in objects.values()), None)
            if found is not None and found != shown:
                yield await look_around(cluster, found, nodes=nodes)
            elif found is None and shown is not None:
                yield gone(bare(shown))
            shown = found


async def follow_table(
    cluster: ApiClient, notice: Callable[[str], None], *, everywhere: bool = False
) -> AsyncGenerator[list[Overview], None]:
    """Yield all Workspaces and InferenceSets, and after each change those that are not as they were.

    Raises:
        KaitoError: as for :func:`follow_one`.
    """
    sources = [_Source(plural="workspaces", path=await served_path(cluster, "workspaces", everywhere=everywhere))]
    try:
        path = await served_path(cluster, "inferencesets", everywhere=everywhere)
        sources.append(_Source(plural="inferencesets", path=path))
    except (NotFoundError, ForbiddenError):
        pass
    known: dict[str, dict[str, Overview]] = {}
    async with aclosing(_followed(cluster, sources, notice)) as changes:
        async for source, objects in changes:
            begun = len(known) == len(sources)
            before = known.get(source.plural, {})
            now = {key: _entry(source, item) for key, item in objects.items()}
            known[source.plural] = now
            if begun:
                changed = [entry for key, entry in now.items() if entry != before.get(key)]
                changed += [gone(entry) for key, entry in before.items() if key not in now]
                if changed:
                    yield arranged(changed)
            elif len(known) == len(sources):
                yield arranged(entry for entries in known.values() for entry in entries.values())


async def _follow_set(
    cluster: ApiClient, name: str, notice: Callable[[str], None], nodes: bool
) -> AsyncGenerator[Overview, None]:
    await get_inference_set(cluster, name)
    selection = {"fieldSelector": f"metadata.name={name}"}
    path = await served_path(cluster, "inferencesets", selection=selection)
    sets = _Source(plural="inferencesets", path=path, params=selection)
    replicas = _Source(
        plural="workspaces",
        path=await served_path(cluster, "workspaces"),
        params={"labelSelector": f"{CREATED_BY}={name}"},
    )
    known: dict[str, dict[str, Object]] = {}
    shown: tuple[InferenceSet | None, list[Workspace]] = (None, [])
    async with aclosing(_followed(cluster, [sets, replicas], notice)) as changes:
        async for source, objects in changes:
            known[source.plural] = objects
            if len(known) < 2:
                continue
            found = next((read_inference_set(item) for item in known["inferencesets"].values()), None)
            made = sorted(map(read_workspace, known["workspaces"].values()), key=lambda one: (not one.ready, one.name))
            before, shown = shown, (found, made)
            if found is not None and before != shown:
                yield await look_around_set(cluster, found, made, nodes=nodes)
            elif found is None and before[0] is not None:
                yield gone(SetOverview(inference_set=before[0]))


def _entry(source: _Source, item: Object) -> Overview:
    if source.plural == "inferencesets":
        return SetOverview(inference_set=read_inference_set(item))
    return bare(read_workspace(item))


async def _followed(
    cluster: ApiClient, sources: Sequence[_Source], notice: Callable[[str], None]
) -> AsyncGenerator[tuple[_Source, dict[str, Object]], None]:
    """Yield a source and its objects when they have changed; changes that come while nobody takes them come as one."""
    monitor = ConnectionMonitor(notice)
    fresh: dict[str, tuple[_Source, dict[str, Object]]] = {}
    stirred = asyncio.Event()

    async def pump(source: _Source) -> None:
        async with aclosing(
            watch(cluster, source.path, on_disconnect=monitor.disconnected, **source.params)
        ) as snapshots:
            async for objects in snapshots:
                monitor.connected()
                fresh[source.plural] = (source, objects)
                stirred.set()

    tasks = [asyncio.create_task(pump(source)) for source in sources]
    for task in tasks:
        # None of them ends but by failing.
        task.add_done_callback(lambda _: stirred.set())
    try:
        while True:
            await stirred.wait()
            stirred.clear()
            for task in tasks:
                if task.done():
                    task.result()
            while fresh:
                source, objects = fresh.pop(next(iter(fresh)))
                # What is followed goes on changing.
                yield source, dict(objects)
    finally:
        await cancel_and_wait(*tasks)
