"""Lists names in the cluster for completion, within a short time limit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TypeVar

from kaito.cli.quick_lookup import Silent, quick_lookup
from kaito.cluster.api_client import ApiClient
from kaito.cluster.auth.kubeconfig import context_namespaces
from kaito.cluster.cluster import Cluster
from kaito.cluster.kinds import Kind, Namespace
from kaito.cluster.workspaces.health_checks import list_backing
from kaito.cluster.workspaces.lookup import list_objects
from kaito.cluster.workspaces.objects import InferenceSetObject, Workspace, WorkspaceObject
from kaito.cluster.workspaces.overview import InferenceSetOverview, Overview, build_overviews
from kaito.errors import KaitoError
from kaito.types import Target

T = TypeVar("T")

#: Names with their descriptions.
Names = list[tuple[str, str]]


def namespaces(target: Target, environ: Mapping[str, str]) -> Names:
    """Return the namespaces of the cluster, or those of the kubeconfig's contexts when they cannot be listed.

    Raises:
        KaitoError: no cluster is configured, or the kubeconfig is not valid.
    """
    names = quick_lookup(target, environ, _namespaces)
    return names or [(name, "") for name in context_namespaces(target.kubeconfig, environ)]


def workspaces(target: Target, environ: Mapping[str, str]) -> Names:
    """Return the values of `--workspace-name`: the workspaces and InferenceSets of the namespace.

    Raises:
        KaitoError: as for :func:`namespaces`.
    """
    return quick_lookup(target, environ, _workspaces) or []


def offered(
    target: Target, environ: Mapping[str, str], complete: Callable[[Cluster], Awaitable[Iterable[str]]]
) -> Iterable[str]:
    """Return what the function of a plugin offers for a cluster.

    Raises:
        KaitoError: as for :func:`namespaces`, or the function raised it.
    """

    async def ask(client: ApiClient) -> Iterable[str]:
        return await complete(Cluster(client, Silent()))

    return quick_lookup(target, environ, ask) or ()


async def _namespaces(cluster: ApiClient) -> Names:
    return [(item.name, "") for item in await _or_nothing(cluster.items("/api/v1/namespaces", Namespace))]


async def _workspaces(cluster: ApiClient) -> Names:
    workspaces, inference_sets, backing = await asyncio.gather(
        _or_nothing(list_objects(cluster, WorkspaceObject)),
        _or_nothing(list_objects(cluster, InferenceSetObject)),
        list_backing(cluster, all_namespaces=False),
    )
    return [(one.name, _description(one)) for one in build_overviews(workspaces, inference_sets, backing)]


def _description(overview: Overview) -> str:
    if isinstance(overview, InferenceSetOverview):
        one = overview.inference_set
        return f"{_model(one.preset)}, {one.ready_replicas} of {one.desired_replicas} ready"
    return f"{_model(overview.workspace.preset)}, {_state(overview.workspace)}"


async def _or_nothing(request: Awaitable[list[Kind]]) -> list[Kind]:
    try:
        return await request
    except KaitoError:
        return []


def _model(preset: str | None) -> str:
    return preset or "custom template"


def _state(workspace: Workspace) -> str:
    if workspace.tuning:
        return "tuning"
    return "ready" if workspace.ready else "not ready"
