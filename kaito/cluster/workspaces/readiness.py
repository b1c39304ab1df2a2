"""Finds the Workspace that serves a target, and explains why none is ready."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from kaito.cluster.api_client import ApiClient
from kaito.cluster.api_errors import MissingPermissionError
from kaito.cluster.workspaces.health_checks import all_with_health, fetch_problem
from kaito.cluster.workspaces.lookup import get_inference_set, get_replicas, get_workspace, sort_replicas
from kaito.cluster.workspaces.objects import Workspace
from kaito.cluster.workspaces.probes import PodEvent, fetch_newest_event
from kaito.errors import NotFoundError
from kaito.types import Reporter, Target
from kaito.types.targets import shown_url
from kaito.util.program import program_name
from kaito.util.tasks import gather_both


class ServingWorkspace(Struct, frozen=True, kw_only=True):
    """The Workspace that answers requests."""

    #: Also the name of its Service, and of its pod without the `-0`.
    name: str
    namespace: str
    #: The name in the banner.
    label: str
    preset: str | None
    #: The InferenceSet that it is a replica of.
    inference_set: str | None = None
    #: `False` if the user may not read Workspaces, so that readiness is only assumed.
    known_ready: bool = True

    @property
    def shown_url(self) -> str:
        """The URL in the `Endpoint:` line of an error."""
        return shown_url(self.name, self.namespace)


class NotReadyError(NotFoundError):
    """The Workspace or InferenceSet exists, but is not ready."""


async def find_serving_workspace(cluster: ApiClient, target: Target, reporter: Reporter) -> ServingWorkspace:
    """Return the target's Workspace, or a ready replica of its InferenceSet.

    It is ready when KAITO says so and nothing is known to be wrong with its pod and its Service. A Workspace that the
    user may not read is assumed to be ready: the user may still be allowed to use its Service.

    Raises:
        NotReadyError: it is not ready.
        KaitoError: it does not exist, or the API server returned an error or cannot be reached.
    """
    name = target.workspace or ""
    if target.kind == "inferenceset":
        return await _find_ready_replica(cluster, target)
    workspace, problem = await gather_both(
        _workspace_if_permitted(cluster, name, reporter), fetch_problem(cluster, cluster.namespace, name)
    )
    if workspace is not None:
        workspace = replace(workspace, problem=problem)
        require_serving(workspace, target)
        if not workspace.ready:
            raise await _not_ready_error(cluster, target, workspace)
        return ServingWorkspace(name=name, namespace=cluster.namespace, label=name, preset=workspace.preset)
    if problem:
        raise not_ready_error(target, (problem,))
    return ServingWorkspace(name=name, namespace=cluster.namespace, label=name, preset=None, known_ready=False)


def require_serving(workspace: Workspace, target: Target) -> None:
    """Check that a Workspace serves a model once it is ready.

    Raises:
        NotReadyError: it tunes one.
    """
    if workspace.tuning:
        raise NotReadyError(
            f"Workspace '{workspace.name}' is a tuning workspace, which does not serve a model",
            f"State: {workspace.state or 'unknown'}; see '{program_name()} status {target.flags}'",
        )


def status_hint(target: Target) -> str:
    """Return the hint for a workspace that is not ready. `kaito status` itself does not show it."""
    return f"Use 'kubectl kaito status {target.flags}' to check status"


def not_ready_error(target: Target, reasons: Sequence[str], *details: str, waited: str | None = None) -> NotReadyError:
    """Return the contract's error for a Workspace or an InferenceSet, followed by what is known of the reasons.

    `waited` says how long `--wait` has waited.
    """
    kind = "InferenceSet" if target.kind == "inferenceset" else "Workspace"
    error = NotReadyError(
        f"{kind} '{target.workspace}' is not ready for inference",
        status_hint(target),
        *(reasons or ("KAITO has not reported a status yet",)),
        *details,
        f"Not ready after {waited}; to wait longer, use --wait=DURATION"
        if waited
        else "To wait until it is ready, use --wait",
    )
    error.documented_lines = 2
    return error


async def _workspace_if_permitted(cluster: ApiClient, name: str, reporter: Reporter) -> Workspace | None:
    try:
        return await get_workspace(cluster, name)
    except MissingPermissionError as exc:
        reporter.notice(f"Cannot check whether the workspace is ready: {exc.message}")
        return None


async def _not_ready_error(cluster: ApiClient, target: Target, workspace: Workspace) -> NotReadyError:
    event = await fetch_newest_event(cluster, f"{workspace.name}-0", workspace.namespace)
    return not_ready_error(target, workspace.reasons, *event_details(event))


def event_details(event: PodEvent | None) -> list[str]:
    """Return the line of an error about the newest event of the pod."""
    return [] if event is None else [f"Latest pod event: {event}"]


async def _find_ready_replica(cluster: ApiClient, target: Target) -> ServingWorkspace:
    name = target.workspace or ""
    replicas = sort_replicas(await all_with_health(cluster, await get_replicas(cluster, name)))
    if not replicas:
        raise not_ready_error(target, (await get_inference_set(cluster, name)).reasons)
    if not replicas[0].ready:
        raise await _not_ready_error(cluster, target, replicas[0])
    return ServingWorkspace(
        name=replicas[0].name,
        namespace=cluster.namespace,
        label=f"inferenceset/{name}",
        preset=replicas[0].preset,
        inference_set=name,
    )
