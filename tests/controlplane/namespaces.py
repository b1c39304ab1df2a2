"""A namespace for one test, and the objects in it."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from . import manifests
from .objects import Object
from .plane import ControlPlane
from .workspaces import Workspace

_CREATED_BY = "inferenceset.kaito.sh/created-by"
#: Deleted with a namespace, as there is no controller that does it.
_CONTENT = (
    ("kaito.sh/v1beta1", "Workspace"),
    ("kaito.sh/v1beta1", "InferenceSet"),
    ("kwok.x-k8s.io/v1alpha1", "PortForward"),
    ("v1", "Pod"),
    ("v1", "Service"),
    ("v1", "Endpoints"),
    ("v1", "Event"),
    ("v1", "Secret"),
    ("v1", "ConfigMap"),
    ("v1", "ServiceAccount"),
    ("discovery.k8s.io/v1", "EndpointSlice"),
    ("networking.k8s.io/v1", "Ingress"),
    ("gateway.networking.k8s.io/v1", "Gateway"),
    ("gateway.networking.k8s.io/v1", "HTTPRoute"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("batch/v1", "Job"),
)


class Namespace(contextlib.AbstractContextManager["Namespace"]):
    """A new namespace, which exists while its context is entered.

    Args:
        plane: the control plane.
        name: its name, by default a new one.

    Attributes:
        name: its name.
    """

    def __init__(self, plane: ControlPlane, name: str | None = None) -> None:
        self._plane = plane
        self._client = plane.client
        self._workspaces: list[Workspace] = []
        self.name = name or f"test-{secrets.token_hex(4)}"
        self._client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.name}})

    def __exit__(self, *error: object) -> None:
        for workspace in self._workspaces:
            workspace.delete_pod()
        for api_version, kind in _CONTENT:
            self._client.delete_all(api_version, kind, self.name)
        self._client.delete("v1", "Namespace", self.name)
        # No controller finalizes it.
        head = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.name}}
        self._client.request("PUT", f"/api/v1/namespaces/{self.name}/finalize", {**head, "spec": {"finalizers": []}})

    def kubeconfig(self, somebody: str = "admin", context: str = "test") -> Path:
        """Return a kubeconfig with this namespace; see :meth:`.plane.ControlPlane.kubeconfig`."""
        return self._plane.kubeconfig(somebody, self.name, context)

    def create(self, api_version: str, kind: str, name: str, **fields: Any) -> Object:
        """Create an object in this namespace and return it as stored.

        Args:
            api_version: such as `networking.k8s.io/v1`.
            kind: such as `Ingress`.
            name: its name.
            fields: such as `spec`; `status` is written as well.
        """
        metadata = {**fields.pop("metadata", {}), "name": name, "namespace": self.name}
        status = fields.pop("status", None)
        item = self._client.create({"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields})
        return item if status is None else self._client.patch_status(item, status)

    def workspace(
        self,
        name: str = "my-llama",
        *,
        port: int | None = None,
        preset: str = "llama-2-7b",
        ready: bool = True,
        api_version: str = "kaito.sh/v1beta1",
        labels: Mapping[str, str] | None = None,
        service: bool = True,
        pod: bool = True,
        conditions: Sequence[Mapping[str, Any]] | None = None,
        state: str | None = None,
    ) -> Workspace:
        """Create a workspace that serves a model, with the objects of the operator and the controllers.

        Args:
            name: its name.
            port: the port of 127.0.0.1 where the model's server listens; `None` refuses connections.
            preset: the model.
            ready: whether it is ready; if not, its pod is running and can be reached, but is not ready.
            api_version: the version to create it in; `kaito.sh/v1alpha1` has no state.
            labels: the workspace's.
            service: whether it has its Services and their endpoints.
            pod: whether it has a pod.
            conditions: see :meth:`.workspaces.Workspace.set_ready`.
            state: see :meth:`.workspaces.Workspace.set_ready`.
        """
        item = manifests.workspace(name, self.name, api_version, labels, manifests.inference(preset))
        workspace = self._add(item, port, service=service)
        if pod:
            workspace.create_pod(ready=ready)
        workspace.set_ready(ready, conditions=conditions, state=state)
        return workspace

    def pending_workspace(self, name: str = "pending", *, preset: str = "llama-3.1-8b-instruct") -> Workspace:
        """Create a workspace that waits for its node: its pod has no node, and its Service no endpoint."""
        item = manifests.workspace(name, self.name, "kaito.sh/v1beta1", None, manifests.inference(preset))
        workspace = self._add(item, None, service=True)
        workspace.patch_status(state="Pending", conditions=manifests.waiting_conditions())
        self._client.create(manifests.pod(name, self.name, None, hold=True))
        return workspace

    def tuning_workspace(self, name: str = "tuning", *, preset: str = "phi-3-mini-128k-instruct") -> Workspace:
        """Create a workspace that tunes a model. It has no Service."""
        item = manifests.workspace(name, self.name, "kaito.sh/v1beta1", None, manifests.tuning(preset))
        workspace = self._add(item, None, service=False)
        workspace.patch_status(state="Running", conditions=manifests.tuning_conditions())
        return workspace

    def inference_set(
        self, name: str = "phi-set", replicas: Mapping[str, int | None] | None = None, *, preset: str = "phi-4"
    ) -> dict[str, Workspace]:
        """Create an InferenceSet, and a ready workspace for each replica.

        Args:
            name: its name.
            replicas: from the name of each workspace to its server's port.
            preset: the model.

        Returns:
            The workspaces by their names.
        """
        replicas = replicas or {}
        item = self._client.create(manifests.inference_set(name, self.name, preset, len(replicas)))
        count = len(replicas)
        selector = f"{_CREATED_BY}={name}"
        self._client.patch_status(item, {"replicas": count, "readyReplicas": count, "selector": selector})
        labels = {_CREATED_BY: name}
        return {one: self.workspace(one, port=port, preset=preset, labels=labels) for one, port in replicas.items()}

    def event(self, pod: str, reason: str, message: str, kind: str = "Warning") -> None:
        """Add an event about a pod.

        Args:
            pod: its name.
            reason: one word.
            message: a text for people.
            kind: `Warning` or `Normal`.
        """
        about = self._client.get("v1", "Pod", pod, self.name)
        self._client.create(manifests.event(f"{pod}.{secrets.token_hex(8)}", about, reason, message, kind))

    def grant(self, user: str, *rules: Mapping[str, Sequence[str]]) -> None:
        """Grant a user permissions in this namespace.

        Args:
            user: the name, as in :meth:`.plane.ControlPlane.user`.
            rules: the rules of a Role.
        """
        for item in manifests.role(f"grant-{secrets.token_hex(4)}", self.name, user, rules):
            self._client.create(item)

    def _add(self, item: Object, port: int | None, *, service: bool) -> Workspace:
        workspace = Workspace(self._plane, item, port, service=service)
        self._workspaces.append(workspace)
        return workspace
