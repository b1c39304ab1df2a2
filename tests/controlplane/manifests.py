"""The objects that KAITO's operator and Kubernetes' controllers would create for a workspace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .objects import Object, condition, timestamp
from .servers import NODE

#: The port of the inference server in its pod.
CONTAINER_PORT = 5000
_PORTS = (("http", 80, CONTAINER_PORT), ("ray", 6379, 6379))
_INSTANCE_TYPE = "Standard_NC24ads_A100_v4"


def workspace(
    name: str, namespace: str, api_version: str, labels: Mapping[str, str] | None, purpose: Mapping[str, Any]
) -> Object:
    """Return a Workspace without a status.

    Args:
        name: its name.
        namespace: its namespace.
        api_version: `kaito.sh/` and a version.
        labels: its labels.
        purpose: its `inference` or `tuning`.
    """
    metadata = {"name": name, "namespace": namespace, "labels": dict(labels or {})}
    resource = {"instanceType": _INSTANCE_TYPE, "labelSelector": {"matchLabels": {"apps": name}}}
    return {"apiVersion": api_version, "kind": "Workspace", "metadata": metadata, "resource": resource, **purpose}


def inference(preset: str) -> Object:
    """Return the `inference` of a Workspace."""
    return {"inference": {"preset": {"name": preset}}}


def tuning(preset: str) -> Object:
    """Return the `tuning` of a Workspace."""
    output = {"image": "registry.example/adapter:1", "imagePushSecret": "registry"}
    source = {"urls": ["https://data.example/questions.parquet"]}
    return {"tuning": {"preset": {"name": preset}, "method": "qlora", "input": source, "output": output}}


def conditions(ready: bool) -> list[Object]:
    """Return the conditions of a Workspace with nodes, whose model is ready or not."""
    return [
        condition("NodeClaimReady", True, "nodeClaimReady", "all nodeClaims are ready"),
        condition("NodesReady", True, "NodesReady", "all nodes are ready"),
        condition("ResourceReady", True, "workspaceResourceStatusSuccess", "workspace resource is ready"),
        condition("InferenceReady", True, "WorkspaceInferenceStatusSuccess", "Inference has been deployed successfully")
        if ready
        else condition("InferenceReady", False, "WorkspaceInferenceStatusPending", "waiting for the pod to be ready"),
        condition("WorkspaceSucceeded", True, "workspaceSucceeded", "workspace succeeds")
        if ready
        else condition("WorkspaceSucceeded", False, "workspaceFailed", "workspace is not ready"),
    ]


def waiting_conditions() -> list[Object]:
    """Return the conditions of a Workspace without a node."""
    return [
        condition("NodeClaimReady", False, "nodeClaimNotReady", "1 nodeClaim is not ready"),
        condition("ResourceReady", False, "workspaceResourceStatusNotReady", "node claim status is not ready"),
        condition("InferenceReady", False, "WorkspaceInferenceStatusPending", "waiting for nodes"),
        condition("WorkspaceSucceeded", False, "workspaceFailed", "workspace is not ready"),
    ]


def tuning_conditions() -> list[Object]:
    """Return the conditions of a Workspace that tunes a model."""
    return [
        condition("ResourceReady", True, "workspaceResourceStatusSuccess", "workspace resource is ready"),
        condition("JobStarted", True, "WorkspaceTuningJobStarted", "the tuning job has started"),
        condition("WorkspaceSucceeded", False, "workspaceNotSucceeded", "the tuning job is running"),
    ]


def inference_set(name: str, namespace: str, preset: str, replicas: int) -> Object:
    """Return an InferenceSet without a status."""
    template = {"resource": {"instanceType": _INSTANCE_TYPE}, **inference(preset)}
    selector = {"matchLabels": {"apps": name}}
    return {
        "apiVersion": "kaito.sh/v1beta1",
        "kind": "InferenceSet",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"replicas": replicas, "labelSelector": selector, "template": template},
    }


def services(name: str, namespace: str) -> list[Object]:
    """Return a workspace's Service and its headless one."""
    selector = {"kaito.sh/workspace": name, "statefulset.kubernetes.io/pod-name": f"{name}-0"}
    ports = [_service_port(*port) for port in _PORTS]
    spec = {"type": "ClusterIP", "publishNotReadyAddresses": True, "selector": selector, "ports": ports}
    headless = {
        "clusterIP": "None",
        "publishNotReadyAddresses": True,
        "selector": {"kaito.sh/workspace": name},
        "ports": [_service_port("torch", 29500, 29500)],
    }
    return [
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": one, "namespace": namespace}, "spec": what}
        for one, what in ((name, spec), (f"{name}-headless", headless))
    ]


def pod(workspace: str, namespace: str, address: str | None, *, hold: bool) -> Object:
    """Return the first pod of a workspace.

    Args:
        workspace: its name.
        namespace: its namespace.
        address: the pod's IP address; without one it has no node.
        hold: whether the test sets its status instead of kwok.
    """
    name = f"{workspace}-0"
    labels = {
        "kaito.sh/workspace": workspace,
        "statefulset.kubernetes.io/pod-name": name,
        "apps.kubernetes.io/pod-index": "0",
    }
    annotations = {"kaito.test/pod-ip": address} if address else {}
    if hold:
        annotations["kaito.test/hold"] = "true"
    container = {
        "name": workspace,
        "image": "registry.example/kaito-base:1",
        "ports": [{"containerPort": CONTAINER_PORT, "protocol": "TCP"}],
        "resources": {"limits": {"nvidia.com/gpu": "1"}},
    }
    where = {"nodeName": NODE} if address else {}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": labels, "annotations": annotations},
        "spec": {"automountServiceAccountToken": False, "containers": [container], **where},
    }


def pod_status(address: str, container: str, *, ready: bool) -> Object:
    """Return the status of a pod whose container is running, and is ready or not."""
    state = {"name": container, "image": "", "imageID": "", "restartCount": 0, "started": True, "ready": ready}
    return {
        "phase": "Running",
        "startTime": timestamp(),
        "podIP": address,
        "podIPs": [{"ip": address}],
        "conditions": [
            condition("PodScheduled", True),
            condition("Initialized", True),
            condition("ContainersReady", ready),
            condition("Ready", ready),
        ],
        "containerStatuses": [{**state, "state": {"running": {"startedAt": timestamp()}}}],
    }


def port_forward(pod: str, namespace: str, port: int, *, probe_port: int, closed: int) -> Object:
    """Return the object that makes kwok forward a pod's port to a port of 127.0.0.1.

    Args:
        pod: the pod's name.
        namespace: its namespace.
        port: of 127.0.0.1.
        probe_port: another port of the pod, forwarded to `closed`. It shows whether kwok has read this object.
        closed: a port of 127.0.0.1 that refuses connections.
    """
    ports = ((CONTAINER_PORT, port), (probe_port, closed))
    forwards = [{"ports": [own], "target": {"address": "127.0.0.1", "port": target}} for own, target in ports]
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "PortForward",
        "metadata": {"name": pod, "namespace": namespace},
        "spec": {"forwards": forwards},
    }


def endpoints(service: str, namespace: str, pod: Object | None) -> Object:
    """Return a Service's Endpoints, which the Service proxy reads.

    It uses only the address of the pod in `targetRef`. All are listed as ready, as the Service publishes addresses that
    are not.

    Args:
        service: the Service's name.
        namespace: its namespace.
        pod: its pod with a status; `None` if it has none.
    """
    ports = [{"name": name, "port": target, "protocol": "TCP"} for name, _, target in _PORTS]
    subsets = [] if pod is None else [{"addresses": [_address(pod)], "ports": ports}]
    return {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {"name": service, "namespace": namespace},
        "subsets": subsets,
    }


def endpoint_slice(name: str, service: str, namespace: str, pod: Object | None, *, ready: bool) -> Object:
    """Return a Service's EndpointSlice.

    Args:
        name: its name: the Service's and a random suffix.
        service: the Service's name.
        namespace: its namespace.
        pod: its pod with a status; `None` if it has none.
        ready: whether the pod is ready; it is published in any case.
    """
    labels = {
        "kubernetes.io/service-name": service,
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
    }
    items = []
    if pod is not None:
        state = {"ready": True, "serving": ready, "terminating": False}
        reference = _reference(pod)
        address = pod["status"]["podIP"]
        items = [{"addresses": [address], "conditions": state, "nodeName": NODE, "targetRef": reference}]
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "addressType": "IPv4",
        "endpoints": items,
        "ports": [{"name": port, "port": target, "protocol": "TCP"} for port, _, target in _PORTS],
    }


def event(name: str, pod: Object, reason: str, message: str, kind: str) -> Object:
    """Return a current event about a pod."""
    now = timestamp()
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": pod["metadata"]["namespace"]},
        "involvedObject": {"apiVersion": "v1", **_reference(pod)},
        "reason": reason,
        "message": message,
        "type": kind,
        "source": {"component": "kubelet", "host": NODE},
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }


def role(name: str, namespace: str, user: str, rules: Sequence[Mapping[str, Sequence[str]]]) -> list[Object]:
    """Return a Role with these rules, and its RoleBinding for a user."""
    group = "rbac.authorization.k8s.io"
    head = {"apiVersion": f"{group}/v1", "metadata": {"name": name, "namespace": namespace}}
    reference = {"apiGroup": group, "kind": "Role", "name": name}
    subject = {"apiGroup": group, "kind": "User", "name": user}
    return [
        {**head, "kind": "Role", "rules": list(rules)},
        {**head, "kind": "RoleBinding", "roleRef": reference, "subjects": [subject]},
    ]


def _service_port(name: str, port: int, target: int) -> Object:
    return {"name": name, "protocol": "TCP", "port": port, "targetPort": target}


def _address(pod: Object) -> Object:
    return {"ip": pod["status"]["podIP"], "nodeName": NODE, "targetRef": _reference(pod)}


def _reference(pod: Object) -> Object:
    metadata = pod["metadata"]
    return {"kind": "Pod", **{key: metadata[key] for key in ("name", "namespace", "uid")}}
