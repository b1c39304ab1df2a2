"""Finds the Workspace that serves a target, and explains why none is ready."""

from __future__ import annotations

from msgspec import Struct

from kaito.cluster.api_client import ApiClient
from kaito.cluster.api_errors import MissingPermissionError
from kaito.cluster.workspaces.lookup import get_inference_set, get_replicas, get_workspace
from kaito.cluster.workspaces.objects import Condition, Workspace
from kaito.errors import NotFoundError
from kaito.types import Reporter, Target
from kaito.types.targets import shown_url


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
    #: `False` when the user may not read Workspaces, so that it is only assumed to be ready.
    known_ready: bool = True

    @property
    def shown_url(self) -> str:
        """The URL in the `Endpoint:` line of an error."""
        return shown_url(self.name, self.namespace)


class NotReadyError(NotFoundError):
    """The Workspace or InferenceSet exists and is not ready."""


async def find_serving_workspace(cluster: ApiClient, target: Target, reporter: Reporter) -> ServingWorkspace:
    """Return the target's Workspace, or a ready replica of its InferenceSet.

    A Workspace that the user may not read is assumed to be ready: the user may still be allowed to use its Service.

    Raises:
        NotReadyError: it is not ready.
        KaitoError: it does not exist, or the API server returned an error or cannot be reached.
    """
    name = target.workspace or ""
    if target.kind == "inferenceset":
        return await _find_ready_replica(cluster, name)
    try:
        workspace = await get_workspace(cluster, name)
    except MissingPermissionError as exc:
        reporter.notice(f"Cannot check whether the workspace is ready: {exc.message}")
        return ServingWorkspace(name=name, namespace=cluster.namespace, label=name, preset=None, known_ready=False)
    require_ready(workspace)
    return ServingWorkspace(name=name, namespace=cluster.namespace, label=name, preset=workspace.preset)


def require_ready(workspace: Workspace) -> None:
    """Check that a Workspace is ready.

    Raises:
        NotReadyError: it is not; the message has the condition that is not met.
    """
    if workspace.tuning:
        raise NotReadyError(
            f"Workspace '{workspace.name}' is a tuning workspace, which does not serve a model",
            f"State: {workspace.state or 'unknown'}; see 'kubectl kaito status --workspace-name {workspace.name}'",
        )
    if not workspace.ready:
        raise not_ready_error("Workspace", workspace.name, workspace.unmet_conditions)


def not_ready_error(
    kind: str, name: str, unmet: tuple[Condition, ...], *details: str, waited: str | None = None
) -> NotReadyError:
    """Return the contract's error for a `Workspace` or an `InferenceSet`, followed by what is known of the reason.

    `waited` says how long `--wait` has waited.
    """
    argument = f"inferenceset/{name}" if kind == "InferenceSet" else name
    return NotReadyError(
        f"{kind} '{name}' is not ready for inference",
        f"Use 'kubectl kaito status --workspace-name {argument}' to check status",
        str(unmet[0]) if unmet else "KAITO has not reported a status yet",
        *details,
        f"Not ready after {waited}; to wait longer, use --wait=DURATION"
        if waited
        else "To wait until it is ready, use --wait",
    )


async def _find_ready_replica(cluster: ApiClient, name: str) -> ServingWorkspace:
    replicas = await get_replicas(cluster, name)
    if not replicas or not replicas[0].ready:
        inference_set = await get_inference_set(cluster, name)
        raise not_ready_error("InferenceSet", name, (replicas[0] if replicas else inference_set).unmet_conditions)
    return ServingWorkspace(
        name=replicas[0].name,
        namespace=cluster.namespace,
        label=f"inferenceset/{name}",
        preset=replicas[0].preset,
        inference_set=name,
    )
