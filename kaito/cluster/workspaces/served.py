"""The models that the cluster serves, in the form for plugins."""

from __future__ import annotations

from kaito.cluster.api_client import ApiClient
from kaito.cluster.workspaces.overview import InferenceSetOverview, Overview, list_overviews
from kaito.types import ServedModel


async def served_models(cluster: ApiClient, *, all_namespaces: bool = False) -> tuple[ServedModel, ...]:
    """Return the Workspaces and InferenceSets of the namespace or the cluster.

    Raises:
        KaitoError: as for :func:`~kaito.cluster.workspaces.overview.list_overviews`.
    """
    return tuple(map(_served, await list_overviews(cluster, all_namespaces=all_namespaces)))


def _served(overview: Overview) -> ServedModel:
    if isinstance(overview, InferenceSetOverview):
        inference_set = overview.inference_set
        return ServedModel(
            kind="InferenceSet",
            name=inference_set.name,
            namespace=inference_set.namespace,
            model=inference_set.preset,
            ready=overview.ready,
            why=overview.why,
            waiting=overview.waiting,
            replicas=inference_set.desired_replicas,
            ready_replicas=inference_set.ready_replicas,
        )
    workspace = overview.workspace
    return ServedModel(
        kind="Workspace",
        name=workspace.name,
        namespace=workspace.namespace,
        model=workspace.preset,
        ready=overview.ready,
        why=overview.why,
        waiting=overview.waiting,
        runtime=workspace.runtime,
        instance_type=workspace.instance_type,
        nodes=workspace.target_nodes,
        inference_set=workspace.inference_set,
        adapters=workspace.adapters,
        tuning=workspace.tuning,
    )
