"""Reads the pods and Services behind Workspaces, as far as the user may, and records what is wrong with them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from kaito.cluster.api_client import ApiClient
from kaito.cluster.api_errors import ObjectNotFoundError
from kaito.cluster.kinds import Kind, Pod, Service
from kaito.cluster.workspaces.health import WORKSPACE_LABEL, Backing, pods_problem
from kaito.cluster.workspaces.objects import Workspace
from kaito.errors import KaitoError
from kaito.util.tasks import gather_both
from kaito.util.time_limits import time_limit

#: Seconds for the requests of one check. What is not known in time is not held against a Workspace.
_TIMEOUT = 5.0


async def with_health(cluster: ApiClient, workspace: Workspace) -> Workspace:
    """Return a Workspace with what is wrong with its pod or its Service."""
    if workspace.tuning:
        return workspace
    return replace(workspace, problem=await fetch_problem(cluster, workspace.namespace, workspace.name))


async def all_with_health(cluster: ApiClient, workspaces: Iterable[Workspace]) -> list[Workspace]:
    """As :func:`with_health`, for several."""
    return list(await asyncio.gather(*(with_health(cluster, workspace) for workspace in workspaces)))


async def fetch_problem(cluster: ApiClient, namespace: str, workspace: str) -> str:
    """Return why the pod or the Service of a Workspace cannot serve; `""` when nothing is known to be wrong."""
    try:
        async with time_limit(_TIMEOUT):
            return await _fetch_problem(cluster, namespace, workspace)
    except TimeoutError:
        return ""


async def list_backing(cluster: ApiClient, *, all_namespaces: bool) -> Backing:
    """Return the pods and Services behind all Workspaces of the namespace or the cluster."""
    scope = "" if all_namespaces else f"namespaces/{cluster.namespace}/"
    pods, services = await gather_both(
        _items_if_permitted(cluster, f"/api/v1/{scope}pods", Pod, labelSelector=WORKSPACE_LABEL),
        _items_if_permitted(cluster, f"/api/v1/{scope}services", Service),
    )
    return Backing(pods=pods, services=services)


async def _fetch_problem(cluster: ApiClient, namespace: str, workspace: str) -> str:
    path = f"/api/v1/namespaces/{namespace}"
    pods, (service, is_missing) = await gather_both(
        _workspace_pods(cluster, path, workspace), _service(cluster, f"{path}/services/{workspace}")
    )
    if is_missing:
        return f"Service '{workspace}' does not exist"
    backing = Backing(pods=pods, services=None if service is None else [service])
    if service is not None and service.spec.selector and WORKSPACE_LABEL not in service.spec.selector:
        # The pods have other labels.
        selector = ",".join(f"{name}={value}" for name, value in sorted(service.spec.selector.items()))
        selected = await _items_if_permitted(cluster, f"{path}/pods", Pod, labelSelector=selector)
        return "" if selected is None else pods_problem(workspace, selected)
    return backing.problem(namespace, workspace)


async def _workspace_pods(cluster: ApiClient, path: str, workspace: str) -> Sequence[Pod] | None:
    """Return the pods of a Workspace, or the first one where the user may not list them; `None` without permission."""
    pods = await _items_if_permitted(cluster, f"{path}/pods", Pod, labelSelector=f"{WORKSPACE_LABEL}={workspace}")
    if pods is not None:
        return pods
    try:
        return [await cluster.get(f"{path}/pods/{workspace}-0", Pod)]
    except KaitoError:
        return None


async def _service(cluster: ApiClient, path: str) -> tuple[Service | None, bool]:
    """Return a Service, and whether it is known not to exist."""
    try:
        return await cluster.get(path, Service), False
    except ObjectNotFoundError:
        return None, True
    except KaitoError:
        return None, False


async def _items_if_permitted(cluster: ApiClient, path: str, kind: type[Kind], **params: str) -> list[Kind] | None:
    try:
        return await cluster.items(path, kind, **params)
    except KaitoError:
        return None
