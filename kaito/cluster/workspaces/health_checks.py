"""Reads the pods and Services behind Workspaces, as far as the user may, and records what is wrong with them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from kaito.cluster.api_client import ApiClient
from kaito.cluster.api_errors import ObjectNotFoundError
from kaito.cluster.kinds import Kind, Pod, Service, ServiceSpec
from kaito.cluster.workspaces.health import WORKSPACE_LABEL, Backing, pods_problem
from kaito.cluster.workspaces.objects import Workspace
from kaito.errors import KaitoError
from kaito.util.tasks import gather_both
from kaito.util.time_limits import time_limit

#: Seconds for the requests of one check. A Workspace counts as healthy if the result is not known in time.
_TIMEOUT = 5.0


async def with_health(cluster: ApiClient, workspace: Workspace) -> Workspace:
    """Return a Workspace with what is wrong with its pod or its Service."""
    if workspace.tuning:
        return workspace
    return replace(workspace, problem=await fetch_problem(cluster, workspace.namespace, workspace.name))


async def all_with_health(cluster: ApiClient, workspaces: Iterable[Workspace]) -> list[Workspace]:
    """Do the same as :func:`with_health` for several Workspaces."""
    return list(await asyncio.gather(*(with_health(cluster, workspace) for workspace in workspaces)))


async def fetch_problem(cluster: ApiClient, namespace: str, workspace: str) -> str:
    """Return why the pod or the Service of a Workspace cannot serve; `""` if no problem is known."""
    try:
        async with time_limit(_TIMEOUT):
            return await _fetch_problem(cluster, namespace, workspace)
    except TimeoutError:
        return ""


async def list_backing(cluster: ApiClient, *, all_namespaces: bool) -> Backing:
    """Return the pods and Services behind all Workspaces of the namespace or the cluster."""
    scope = "" if all_namespaces else f"namespaces/{cluster.namespace}/"
    pods, services = await gather_both(
        _items_or_none(cluster, f"/api/v1/{scope}pods", Pod, labelSelector=WORKSPACE_LABEL),
        _items_or_none(cluster, f"/api/v1/{scope}services", Service),
    )
    return Backing(pods=pods, services=services)


async def _fetch_problem(cluster: ApiClient, namespace: str, workspace: str) -> str:
    path = f"/api/v1/namespaces/{namespace}"
    pods, services = await gather_both(
        _workspace_pods(cluster, path, workspace), _services(cluster, f"{path}/services/{workspace}")
    )
    spec = services[0].spec if services else ServiceSpec()
    if spec.selector and WORKSPACE_LABEL not in spec.selector:
        # The pods have other labels.
        selected = await _items_or_none(cluster, f"{path}/pods", Pod, labelSelector=spec.label_selector)
        return "" if selected is None else pods_problem(workspace, selected)
    return Backing(pods=pods, services=services).problem(namespace, workspace)


async def _workspace_pods(cluster: ApiClient, path: str, workspace: str) -> Sequence[Pod] | None:
    """Return the pods of a Workspace, or only the first if the user may not list them; `None` without permission."""
    pods = await _items_or_none(cluster, f"{path}/pods", Pod, labelSelector=f"{WORKSPACE_LABEL}={workspace}")
    if pods is not None:
        return pods
    try:
        return [await cluster.get(f"{path}/pods/{workspace}-0", Pod)]
    except KaitoError:
        return None


async def _services(cluster: ApiClient, path: str) -> list[Service] | None:
    """Return the Service at a path in a list, which is empty if it does not exist; `None` if that is not known."""
    try:
        return [await cluster.get(path, Service)]
    except ObjectNotFoundError:
        return []
    except KaitoError:
        return None


async def _items_or_none(cluster: ApiClient, path: str, kind: type[Kind], **params: str) -> list[Kind] | None:
    """Return a list's objects; `None` when they are not known, such as without permission."""
    try:
        return await cluster.items(path, kind, **params)
    except KaitoError:
        return None
