"""Which Workspace answers, and the user's own error when none does."""

from __future__ import annotations

from msgspec import Struct

from kaito.cluster.api_client import ApiClient
from kaito.cluster.api_errors import PermissionMissing
from kaito.cluster.service_urls import shown_url
from kaito.cluster.workspaces.lookup import get_inference_set, get_replicas, get_workspace
from kaito.cluster.workspaces.objects import Condition, Workspace
from kaito.errors import NotFoundError
from kaito.types import Reporter, Target


class Serving(Struct, frozen=True, kw_only=True):
    """The Workspace that is to answer."""

    #: Of the Workspace, of its Service, and of its pod before the `-0`.
    name: str
    namespace: str
    #: The name in the banner.
    label: str
    preset: str | None
    #: The InferenceSet that it is a replica of.
    inference_set: str | None = None
    #: Whether the API server has said that it is ready; else it is taken to be.
    known: bool = True

    @property
    def shown_url(self) -> str:
        """The `Endpoint:` line of an error, by the user's document."""
        return shown_url(self.name, self.namespace)


_WAIT = "To wait until it is ready: --wait"


class NotReady(NotFoundError):
    """There is such a Workspace, and it does not serve, or not yet."""


async def find_serving(cluster: ApiClient, target: Target, reporter: Reporter) -> Serving:
    """Return the Workspace that is to answer: the one that was named, or a ready replica of the InferenceSet.

    A Workspace that the user may not read is taken to be ready: its Service may be open to them all the same.

    Raises:
        NotReady: it does not serve.
        KaitoError: it is not there, or the API server refuses or cannot be reached.
    """
    name = target.workspace or ""
    if target.kind == "inferenceset":
        return await _replica(cluster, name)
    try:
        workspace = await get_workspace(cluster, name)
    except PermissionMissing as exc:
        reporter.notice(f"Whether the workspace is ready is not known: {exc.message}")
        return Serving(name=name, namespace=cluster.namespace, label=name, preset=None, known=False)
    check_ready(workspace)
    return Serving(name=name, namespace=cluster.namespace, label=name, preset=workspace.preset)


def check_ready(workspace: Workspace) -> None:
    """Do nothing if a Workspace serves.

    Raises:
        NotReady: it does not; the message says which condition is not met, and why.
    """
    if workspace.tuning:
        raise NotReady(
            f"Workspace '{workspace.name}' is for tuning: it trains a model and serves none",
            f"Its state: {workspace.state or 'unknown'}; see 'kubectl kaito status --workspace-name {workspace.name}'",
        )
    if not workspace.ready:
        raise not_ready("Workspace", workspace.name, workspace.name, workspace.obstacles)


def not_ready(
    kind: str, name: str, argument: str, unmet: tuple[Condition, ...], *further: str, waited: str | None = None
) -> NotReady:
    """Return the user's document's error, and below it what is not met.

    Args:
        kind: `Workspace` or `InferenceSet`.
        name: the object's.
        argument: what `--workspace-name` takes for it.
        unmet: the conditions that are not met.
        further: more that is known of the reason.
        waited: how long it was waited for, if it was.
    """
    wait = f"It was waited for {waited}; to wait longer: --wait=DURATION" if waited else _WAIT
    return NotReady(
        f"{kind} '{name}' is not ready for inference",
        f"Use 'kubectl kaito status --workspace-name {argument}' to check status",
        *([str(unmet[0])] if unmet else ["KAITO has not said anything about it yet"]),
        *further,
        wait,
    )


async def _replica(cluster: ApiClient, name: str) -> Serving:
    replicas = await get_replicas(cluster, name)
    if not replicas or not replicas[0].ready:
        found = await get_inference_set(cluster, name)
        unmet = replicas[0].obstacles if replicas else tuple(c for c in found.conditions if c.status != "True")
        raise not_ready("InferenceSet", name, f"inferenceset/{name}", unmet)
    replica = replicas[0]
    return Serving(
        name=replica.name,
        namespace=cluster.namespace,
        label=f"inferenceset/{name}",
        preset=replica.preset,
        inference_set=name,
    )
