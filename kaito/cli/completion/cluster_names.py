"""Names that the cluster knows, for a person who waits with a finger on the Tab key: soon, or none."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

from kaito.cluster.api_client import ApiClient, Object
from kaito.cluster.auth.cluster_config import find_cluster_config
from kaito.cluster.auth.kubeconfig import context_namespaces
from kaito.cluster.workspaces.lookup import list_objects
from kaito.cluster.workspaces.objects import Workspace, parse_inference_set, parse_workspace
from kaito.errors import KaitoError
from kaito.eventloop.thread import ThreadedLoop
from kaito.types import Target

T = TypeVar("T")

#: Seconds that the cluster may take.
PATIENCE = 2.0


class _Nobody:
    """A reporter to whom nobody listens."""

    def status(self, text: str) -> None: ...

    def retrying(self, reason: str, delay: float) -> None: ...

    def notice(self, text: str) -> None: ...


def namespaces(target: Target, environ: Mapping[str, str]) -> list[str]:
    """Return the cluster's namespaces; where they may not be listed, those that the kubeconfig's contexts name.

    Raises:
        KaitoError: there is neither a kubeconfig nor a pod's service account, or it cannot be used.
    """
    found = _ask(_list_namespaces(target, environ))
    return found or context_namespaces(target.kubeconfig, environ)


def workspaces(target: Target, environ: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return a namespace's workspaces and InferenceSets as `--workspace-name` takes them, and what each is.

    Raises:
        KaitoError: as for :func:`namespaces`.
    """
    return _ask(_list_workspaces(target, environ)) or []


def _ask(asking: Coroutine[Any, Any, T]) -> T | None:
    """Return what the cluster says; `None` if it does not in time."""

    async def in_time() -> T | None:
        try:
            async with asyncio.timeout(PATIENCE):
                return await asking
        except TimeoutError:
            return None

    with ThreadedLoop() as loop:
        return loop.run(in_time())


async def _list_namespaces(target: Target, environ: Mapping[str, str]) -> list[str]:
    async with ApiClient(find_cluster_config(target, environ, _Nobody())) as cluster:
        return [item["metadata"]["name"] for item in await _or_none(cluster.items("/api/v1/namespaces"))]


async def _list_workspaces(target: Target, environ: Mapping[str, str]) -> list[tuple[str, str]]:
    async with ApiClient(find_cluster_config(target, environ, _Nobody())) as cluster:
        singles, sets = await asyncio.gather(
            _or_none(list_objects(cluster, "workspaces")), _or_none(list_objects(cluster, "inferencesets"))
        )
    found = [(one.name, f"{one.preset or 'own template'}, {_state(one)}") for one in map(parse_workspace, singles)]
    for one in map(parse_inference_set, sets):
        told = f"{one.preset or 'own template'}, {one.ready_replicas} of {one.desired_replicas} ready"
        found.append((f"inferenceset/{one.name}", told))
    return found


async def _or_none(listing: Coroutine[Any, Any, list[Object]]) -> list[Object]:
    try:
        return await listing
    except KaitoError:
        return []


def _state(workspace: Workspace) -> str:
    if workspace.tuning:
        return "tuning"
    return "ready" if workspace.ready else "not ready"
