"""One workspace of a test: its objects, its pod, and the routes to its model's server."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from . import manifests
from .forwarding import is_known
from .objects import Object
from .plane import ControlPlane
from .servers import NODE
from .waiting import until


class Workspace:
    """A workspace in the control plane, created by :meth:`.namespaces.Namespace.workspace`.

    Its pod is simulated: connections to its port 5000, by a port-forward or the API server's proxies, reach the server
    on `port` of 127.0.0.1.

    Attributes:
        name: the workspace's name, and its Service's.
        namespace: its namespace's name.
        pod_name: the name of its pod.
        pod: the pod as stored; `None` if there is none.
    """

    def __init__(self, plane: ControlPlane, item: Object, port: int | None, *, service: bool) -> None:
        self._plane = plane
        self._client = plane.client
        self._item = item
        self._port = port
        self._service = service
        self._ready = False
        self._probe_port = manifests.CONTAINER_PORT
        self.name: str = item["metadata"]["name"]
        self.namespace: str = item["metadata"]["namespace"]
        self.pod_name = f"{self.name}-0"
        self.pod: Object | None = None
        self._slice = f"{self.name}-{secrets.token_hex(3)[:5]}"
        self._client.create(item)
        if service:
            for one in manifests.services(self.name, self.namespace):
                self._client.create(one)
            self._publish()

    @property
    def proxy_path(self) -> str:
        """The path of its Service's proxy, without a trailing slash."""
        return f"/api/v1/namespaces/{self.namespace}/services/{self.name}:80/proxy"

    @property
    def forward_path(self) -> str:
        """The path of its pod's port-forward."""
        return f"/api/v1/namespaces/{self.namespace}/pods/{self.pod_name}/portforward?ports={manifests.CONTAINER_PORT}"

    # -- its state

    def patch_status(self, **status: Any) -> None:
        """Merge fields into the workspace's status; `None` removes a field."""
        self._client.patch_status(self._item, status)

    def set_ready(
        self, ready: bool, *, conditions: Sequence[Mapping[str, Any]] | None = None, state: str | None = None
    ) -> None:
        """Set the status of the workspace and of its pod.

        Args:
            ready: whether they are ready.
            conditions: all conditions, if not the usual ones; see :func:`.objects.condition`.
            state: the state, if not `Ready` or `NotReady`; an empty one omits it, as older operators do.
        """
        self._ready = ready
        if state is None:
            state = "Ready" if ready else "NotReady"
        # As in a cluster, the pod comes first.
        if self.pod is not None:
            status = manifests.pod_status(self.pod["status"]["podIP"], self.name, ready=ready)
            self.pod = self._client.patch_status(self.pod, status)
            self._publish()
        self.patch_status(
            state=state or None,
            conditions=manifests.conditions(ready) if conditions is None else list(conditions),
            workerNodes=[NODE],
        )

    # -- its pod

    def create_pod(self, port: int | None = None, *, ready: bool | None = None) -> None:
        """Create the pod with a new address and the routes to it; return when it is running.

        Args:
            port: the port of 127.0.0.1 where its server listens, if it has changed.
            ready: whether it is ready, by default like the workspace.
        """
        if port is not None:
            self._port = port
        if ready is not None:
            self._ready = ready
        address = self._plane.pod_address()
        self._probe_port += 1
        closed = self._plane.closed_port
        self._client.apply(
            manifests.port_forward(
                self.pod_name, self.namespace, self._port or closed, probe_port=self._probe_port, closed=closed
            )
        )
        self._plane.route(f"{address}:{manifests.CONTAINER_PORT}", self._port)
        pod = self._client.create(manifests.pod(self.name, self.namespace, address, hold=not self._ready))
        if self._ready:
            pod = until(self._running_pod, f"kwok runs {self.pod_name}")
        else:
            pod = self._client.patch_status(pod, manifests.pod_status(address, self.name, ready=False))
        self.pod = pod
        path = f"{self.forward_path.rpartition('=')[0]}={self._probe_port}"
        api_server = ("127.0.0.1", self._plane.port)
        if self._ready:
            until(lambda: is_known(api_server, self._client.tls, path), f"kwok forwards to {self.pod_name}")
        self._publish()

    def set_pod_status(self, **status: Any) -> None:
        """Merge fields into the pod's status, which is then not ready; the workspace's own status stays as it is."""
        assert self.pod is not None
        merged = {**manifests.pod_status(self.pod["status"]["podIP"], self.name, ready=False), **status}
        self.pod = self._client.patch_status(self.pod, merged)

    def delete_service(self) -> None:
        """Delete the Service; the workspace's own status stays as it is."""
        self._client.delete("v1", "Service", self.name, self.namespace)

    def delete_pod(self) -> None:
        """Delete the pod and the routes to it at once.

        Open connections stay open, with the server that they reached. A test that needs them to break stops that
        server. Even then kwok does not pass on the end: the client of a port-forward sees silence.
        """
        if self.pod is None:
            return
        address = f"{self.pod['status']['podIP']}:{manifests.CONTAINER_PORT}"
        self.pod = None
        self._client.delete("v1", "Pod", self.pod_name, self.namespace)
        self._client.delete("kwok.x-k8s.io/v1alpha1", "PortForward", self.pod_name, self.namespace)
        self._plane.route(address, None)
        self._publish()

    def replace_pod(self, port: int | None = None) -> None:
        """Replace the pod with one of the same name with another uid and address, as its StatefulSet would.

        Args:
            port: the port of 127.0.0.1 where the new pod's server listens, if it has changed.
        """
        self.delete_pod()
        self.create_pod(port)

    def delete(self) -> None:
        """Delete the workspace and all its objects."""
        self.delete_pod()
        self._client.delete(self._item["apiVersion"], "Workspace", self.name, self.namespace)
        if self._service:
            self._service = False
            self._client.delete("discovery.k8s.io/v1", "EndpointSlice", self._slice, self.namespace)
            self._client.delete("v1", "Endpoints", self.name, self.namespace)
            for name in (self.name, f"{self.name}-headless"):
                self._client.delete("v1", "Service", name, self.namespace)

    def _running_pod(self) -> Object | None:
        pod = self._client.get("v1", "Pod", self.pod_name, self.namespace)
        return pod if pod["status"]["phase"] == "Running" else None

    def _publish(self) -> None:
        """Write the Service's endpoints, as the controllers would."""
        if self._service:
            self._client.apply(manifests.endpoints(self.name, self.namespace, self.pod))
            self._client.apply(
                manifests.endpoint_slice(self._slice, self.name, self.namespace, self.pod, ready=self._ready)
            )
