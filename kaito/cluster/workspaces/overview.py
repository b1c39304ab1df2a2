"""What `kaito status` tells of Workspaces and InferenceSets: the objects, and around them what else can be learned."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from kaito.cluster.api_client import ApiClient
from kaito.cluster.service_urls import service_url
from kaito.cluster.workspaces.engine_metrics import Engine
from kaito.cluster.workspaces.lookup import get_inference_set, get_replicas, get_workspace, list_kaito
from kaito.cluster.workspaces.objects import InferenceSet, Workspace, obstacles, read_inference_set, read_workspace
from kaito.cluster.workspaces.probes import Node, PodEvent, newest_event, probe_engine, probe_nodes
from kaito.errors import ForbiddenError, NotFoundError
from kaito.types import Target
from kaito.util.tasks import gather_both

#: The state of what was deleted while it was watched.
DELETED = "Deleted"


class WorkspaceOverview(Struct, frozen=True, kw_only=True):
    """A Workspace, with what else can be learned of it."""

    workspace: Workspace
    #: The newest event of its pod while it is not ready.
    event: PodEvent | None = None
    #: What its inference server says.
    engine: Engine | None = None
    #: Its nodes; without their readiness where that was not asked for.
    nodes: tuple[Node, ...] = ()

    @property
    def name(self) -> str:
        """What `--workspace-name` takes for it."""
        return self.workspace.name

    @property
    def namespace(self) -> str:
        """Where it is."""
        return self.workspace.namespace

    @property
    def ready(self) -> bool:
        """Whether it serves."""
        return self.workspace.ready

    @property
    def why(self) -> str:
        """Why it does not serve; empty when it does."""
        workspace = self.workspace
        if workspace.ready:
            return ""
        if workspace.state == DELETED:
            return "it was deleted"
        if workspace.tuning:
            return "it trains a model and serves none"
        if unmet := workspace.obstacles:
            return str(unmet[0])
        return f"its state is {workspace.state}" if workspace.state else "KAITO has not said anything about it yet"

    @property
    def endpoint(self) -> str | None:
        """Its base URL inside the cluster; `None` when it serves nothing by its nature."""
        return None if self.workspace.tuning else service_url(self.workspace.name, self.workspace.namespace)


class SetOverview(Struct, frozen=True, kw_only=True):
    """An InferenceSet and its replicas."""

    inference_set: InferenceSet
    #: Those that are ready first.
    replicas: tuple[WorkspaceOverview, ...] = ()
    deleted: bool = False

    @property
    def name(self) -> str:
        """What `--workspace-name` takes for it."""
        return f"inferenceset/{self.inference_set.name}"

    @property
    def namespace(self) -> str:
        """Where it is."""
        return self.inference_set.namespace

    @property
    def ready(self) -> bool:
        """Whether a replica serves."""
        return not self.deleted and self.inference_set.ready

    @property
    def why(self) -> str:
        """Why not all of it serves; empty when it does."""
        if self.deleted:
            return "it was deleted"
        found = self.inference_set
        if self.ready and found.ready_replicas >= found.wanted:
            return ""
        told = f"{found.ready_replicas} of {found.wanted} replicas are ready"
        waiting = next((replica.why for replica in self.replicas if not replica.ready), "")
        unmet = obstacles(found.conditions)
        reason = waiting or (str(unmet[0]) if unmet else "")
        return f"{told}: {reason}" if reason and not self.ready else told


Overview = WorkspaceOverview | SetOverview


async def look(cluster: ApiClient, target: Target, *, nodes: bool = False) -> Overview:
    """Return what is known of the Workspace or InferenceSet that was named.

    Args:
        cluster: where it is.
        target: names it.
        nodes: whether the readiness of its nodes is wanted.

    Raises:
        NotFoundError: there is none of that name.
        KaitoError: the API server refuses or cannot be reached.
    """
    name = target.workspace or ""
    if target.kind == "inferenceset":
        found, replicas = await gather_both(get_inference_set(cluster, name), get_replicas(cluster, name))
        return await look_around_set(cluster, found, replicas, nodes=nodes)
    return await look_around(cluster, await get_workspace(cluster, name), nodes=nodes)


async def look_around(cluster: ApiClient, workspace: Workspace, *, nodes: bool = False) -> WorkspaceOverview:
    """Return a Workspace with what else can be learned of it, all at once and none of it needed."""
    name, namespace = workspace.name, workspace.namespace
    event, engine, found = await asyncio.gather(
        _none() if workspace.ready or workspace.tuning else newest_event(cluster, f"{name}-0", namespace),
        _none() if workspace.tuning else probe_engine(cluster, name, namespace),
        probe_nodes(cluster, workspace.nodes) if nodes else _unread(workspace.nodes),
    )
    return WorkspaceOverview(workspace=workspace, event=event, engine=engine, nodes=found)


async def look_around_set(
    cluster: ApiClient, found: InferenceSet, replicas: Iterable[Workspace], *, nodes: bool = False
) -> SetOverview:
    """Return an InferenceSet with what else can be learned of its replicas."""
    looked = await asyncio.gather(*(look_around(cluster, replica, nodes=nodes) for replica in replicas))
    return SetOverview(inference_set=found, replicas=tuple(looked))


async def look_over(cluster: ApiClient, *, everywhere: bool = False) -> list[Overview]:
    """Return all Workspaces and InferenceSets of the namespace or of the cluster, as the objects tell it.

    InferenceSets that may not be listed, or are of no kind that this KAITO knows, are left out.

    Raises:
        KaitoError: the Workspaces cannot be listed.
    """
    workspaces, sets = await gather_both(
        list_kaito(cluster, "workspaces", everywhere=everywhere), _sets(cluster, everywhere)
    )
    return arranged([bare(read_workspace(item)) for item in workspaces] + sets)


def arranged(entries: Iterable[Overview]) -> list[Overview]:
    """Return entries in the order of a table: by namespace, the InferenceSets last."""
    return sorted(entries, key=lambda entry: (entry.namespace, isinstance(entry, SetOverview), entry.name))


def bare(workspace: Workspace) -> WorkspaceOverview:
    """Return a Workspace with nothing but what its object tells."""
    return WorkspaceOverview(workspace=workspace, nodes=tuple(Node(name=name) for name in workspace.nodes))


def gone(entry: Overview) -> Overview:
    """Return what is left of an entry whose object was deleted."""
    if isinstance(entry, SetOverview):
        left = replace(entry.inference_set, ready_replicas=0)
        return SetOverview(inference_set=left, deleted=True)
    return WorkspaceOverview(workspace=replace(entry.workspace, state=DELETED, conditions=()))


async def _sets(cluster: ApiClient, everywhere: bool) -> list[Overview]:
    try:
        items = await list_kaito(cluster, "inferencesets", everywhere=everywhere)
    except (NotFoundError, ForbiddenError):
        return []
    return [SetOverview(inference_set=read_inference_set(item)) for item in items]


async def _none() -> None:
    return None


async def _unread(names: Iterable[str]) -> tuple[Node, ...]:
    return tuple(Node(name=name) for name in names)
