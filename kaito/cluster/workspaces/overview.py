"""What `kaito status` shows: Workspaces and InferenceSets, with the details that probes add."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from kaito.cluster.api_client import ApiClient
from kaito.cluster.workspaces.engine_metrics import EngineMetrics
from kaito.cluster.workspaces.health import Backing, may_pass
from kaito.cluster.workspaces.health_checks import list_backing, with_health
from kaito.cluster.workspaces.lookup import get_inference_set, get_replicas, get_workspace, list_objects
from kaito.cluster.workspaces.objects import (
    InferenceSet,
    InferenceSetObject,
    Workspace,
    WorkspaceObject,
    parse_inference_set,
    parse_workspace,
)
from kaito.cluster.workspaces.probes import (
    NodeReadiness,
    PodEvent,
    fetch_engine_metrics,
    fetch_newest_event,
    fetch_nodes,
)
from kaito.errors import ForbiddenError, NotFoundError
from kaito.types import Target
from kaito.types.targets import service_url
from kaito.util.tasks import gather_both

_DELETED_STATE = "Deleted"
#: States of a Workspace that will be ready if nothing goes wrong; `None` before KAITO has reported one.
_WAITING_STATES = (None, "", "Pending")


class WorkspaceOverview(Struct, frozen=True, kw_only=True):
    """A Workspace and the details of its probes."""

    workspace: Workspace
    #: The newest event of its pod, while it is not ready.
    event: PodEvent | None = None
    engine: EngineMetrics | None = None
    #: Without their readiness when that was not requested.
    nodes: tuple[NodeReadiness, ...] = ()

    @property
    def name(self) -> str:
        """The value of `--workspace-name`."""
        return self.workspace.name

    @property
    def namespace(self) -> str:
        """Its namespace."""
        return self.workspace.namespace

    @property
    def ready(self) -> bool:
        """Whether it serves a model."""
        return self.workspace.ready

    @property
    def why(self) -> str:
        """Why it is not ready; `""` when it is."""
        workspace = self.workspace
        if workspace.ready:
            return ""
        if workspace.state == _DELETED_STATE:
            return "deleted"
        if workspace.tuning:
            return "tuning workspaces do not serve a model"
        return workspace.reasons[0]

    @property
    def waiting(self) -> bool:
        """Whether it may become ready by itself."""
        workspace = self.workspace
        return not self.ready and workspace.state in _WAITING_STATES and may_pass(workspace.problem)

    @property
    def endpoint(self) -> str | None:
        """Its base URL inside the cluster; `None` for a tuning workspace."""
        return None if self.workspace.tuning else service_url(self.workspace.name, self.workspace.namespace)


class InferenceSetOverview(Struct, frozen=True, kw_only=True):
    """An InferenceSet and its replicas."""

    inference_set: InferenceSet
    #: Ready ones first.
    replicas: tuple[WorkspaceOverview, ...] = ()
    deleted: bool = False

    @property
    def name(self) -> str:
        """The value of `--workspace-name`."""
        return f"inferenceset/{self.inference_set.name}"

    @property
    def namespace(self) -> str:
        """Its namespace."""
        return self.inference_set.namespace

    @property
    def ready(self) -> bool:
        """Whether at least one replica serves."""
        return not self.deleted and self.inference_set.ready

    @property
    def why(self) -> str:
        """Why not all replicas are ready; `""` when they are."""
        if self.deleted:
            return "deleted"
        inference_set = self.inference_set
        if self.ready and inference_set.ready_replicas >= inference_set.desired_replicas:
            return ""
        count = f"{inference_set.ready_replicas} of {inference_set.desired_replicas} replicas are ready"
        if self.ready:
            return count
        reason = next((replica.why for replica in self.replicas if not replica.ready), inference_set.unmet_condition)
        return f"{count}: {reason}" if reason else count

    @property
    def waiting(self) -> bool:
        """Whether it may become ready by itself."""
        return not self.ready and not self.deleted


Overview = WorkspaceOverview | InferenceSetOverview


async def fetch_overview(cluster: ApiClient, target: Target, *, nodes: bool = False) -> Overview:
    """Return the overview of the target's Workspace or InferenceSet; with `nodes` also the readiness of its nodes.

    Raises:
        NotFoundError: it does not exist.
        KaitoError: the API server returned an error or cannot be reached.
    """
    name = target.workspace or ""
    if target.kind == "inferenceset":
        inference_set, replicas = await gather_both(get_inference_set(cluster, name), get_replicas(cluster, name))
        return await probe_inference_set(cluster, inference_set, replicas, nodes=nodes)
    return await probe_workspace(cluster, await get_workspace(cluster, name), nodes=nodes)


async def list_overviews(cluster: ApiClient, *, all_namespaces: bool = False) -> list[Overview]:
    """Return all Workspaces and InferenceSets of the namespace or the cluster, without probes.

    InferenceSets are left out when the user may not list them or KAITO does not support them.

    Raises:
        KaitoError: the Workspaces cannot be listed.
    """
    (workspaces, inference_sets), backing = await gather_both(
        gather_both(
            list_objects(cluster, WorkspaceObject, all_namespaces=all_namespaces),
            _list_inference_sets(cluster, all_namespaces),
        ),
        list_backing(cluster, all_namespaces=all_namespaces),
    )
    return build_overviews(workspaces, inference_sets, backing)


def build_overviews(
    workspaces: Iterable[WorkspaceObject], inference_sets: Iterable[InferenceSetObject], backing: Backing
) -> list[Overview]:
    """Return the overviews of objects, without probes.

    KAITO's count of an InferenceSet's ready replicas does not include what is wrong with their pods and Services.
    """
    parsed = [_with_backing(parse_workspace(item), backing) for item in workspaces]
    failing = Counter((one.namespace, one.inference_set) for one in parsed if one.reported_ready and one.problem)
    sets = [parse_inference_set(item) for item in inference_sets]
    overviews: list[Overview] = [unprobed_workspace(workspace) for workspace in parsed]
    overviews += [
        InferenceSetOverview(inference_set=_without_failing(one, failing[one.namespace, one.name])) for one in sets
    ]
    return sort_overviews(overviews)


def _with_backing(workspace: Workspace, backing: Backing) -> Workspace:
    if workspace.tuning:
        return workspace
    return replace(workspace, problem=backing.problem(workspace.namespace, workspace.name))


def sort_overviews(entries: Iterable[Overview]) -> list[Overview]:
    """Return entries in the order of the table: by namespace, InferenceSets after Workspaces."""
    return sorted(entries, key=lambda entry: (entry.namespace, isinstance(entry, InferenceSetOverview), entry.name))


async def probe_workspace(cluster: ApiClient, workspace: Workspace, *, nodes: bool = False) -> WorkspaceOverview:
    """Return a Workspace with the details that can be fetched."""
    (workspace, event), engine, probed_nodes = await asyncio.gather(
        _with_health_and_event(cluster, workspace),
        _nothing() if workspace.tuning else fetch_engine_metrics(cluster, workspace.name, workspace.namespace),
        fetch_nodes(cluster, workspace.nodes) if nodes else _nothing(),
    )
    overview = unprobed_workspace(workspace)
    return replace(overview, event=event, engine=engine, nodes=overview.nodes if probed_nodes is None else probed_nodes)


async def _with_health_and_event(cluster: ApiClient, workspace: Workspace) -> tuple[Workspace, PodEvent | None]:
    workspace = await with_health(cluster, workspace)
    if workspace.ready or workspace.tuning:
        return workspace, None
    return workspace, await fetch_newest_event(cluster, f"{workspace.name}-0", workspace.namespace)


async def probe_inference_set(
    cluster: ApiClient, inference_set: InferenceSet, replicas: Iterable[Workspace], *, nodes: bool = False
) -> InferenceSetOverview:
    """Return an InferenceSet with the details of its replicas that can be fetched."""
    overviews = await asyncio.gather(*(probe_workspace(cluster, replica, nodes=nodes) for replica in replicas))
    failing = sum(one.workspace.reported_ready and not one.ready for one in overviews)
    return InferenceSetOverview(inference_set=_without_failing(inference_set, failing), replicas=tuple(overviews))


def _without_failing(inference_set: InferenceSet, failing: int) -> InferenceSet:
    """Return an InferenceSet whose count omits replicas that cannot serve although KAITO reports them as ready."""
    return replace(inference_set, ready_replicas=max(0, inference_set.ready_replicas - failing))


def unprobed_workspace(workspace: Workspace) -> WorkspaceOverview:
    """Return a Workspace without further details."""
    return WorkspaceOverview(workspace=workspace, nodes=tuple(NodeReadiness(name=name) for name in workspace.nodes))


def deleted_overview(entry: Overview) -> Overview:
    """Return the entry of an object that was deleted."""
    if isinstance(entry, InferenceSetOverview):
        return InferenceSetOverview(inference_set=replace(entry.inference_set, ready_replicas=0), deleted=True)
    return WorkspaceOverview(workspace=replace(entry.workspace, state=_DELETED_STATE, conditions=()))


async def _list_inference_sets(cluster: ApiClient, all_namespaces: bool) -> list[InferenceSetObject]:
    try:
        return await list_objects(cluster, InferenceSetObject, all_namespaces=all_namespaces)
    except (NotFoundError, ForbiddenError):
        return []


async def _nothing() -> None:
    return None
