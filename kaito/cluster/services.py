"""Finds a pod of a Service by its EndpointSlices, and the pod's port."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from kaito.cluster.api_client import ApiClient, Object
from kaito.cluster.api_errors import ObjectNotFoundError
from kaito.errors import NotFoundError
from kaito.util.tasks import gather_both

#: The port of a Workspace's Service, and its name, which EndpointSlices give to the pods' port.
HTTP_PORT, _HTTP_NAME = 80, "http"


class Pod(Struct, frozen=True, kw_only=True):
    """A pod of a Service."""

    name: str
    #: Differs when the pod was replaced by one of the same name.
    uid: str
    #: The port of the model's server.
    port: int


async def find_pod(cluster: ApiClient, namespace: str, service: str) -> Pod:
    """Return a ready pod of a Service.

    Raises:
        NotFoundError: the Service does not exist, or has no ready pod.
    """
    slices, item = await gather_both(
        cluster.items(
            f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices",
            labelSelector=f"kubernetes.io/service-name={service}",
        ),
        get_service(cluster, namespace, service),
    )
    _, port_name = http_port(item)
    for candidate in _pods(slices, port_name):
        pod = await get_pod(cluster, namespace, candidate.name)
        if pod is not None and is_ready(pod):
            return Pod(name=candidate.name, uid=pod["metadata"]["uid"], port=candidate.port)
    raise NotFoundError(
        f"Service '{service}' in namespace '{namespace}' has no ready pod",
        f"To see its pods: kubectl get pods -n {namespace} -l kaito.sh/workspace={service}",
    )


async def get_service(cluster: ApiClient, namespace: str, name: str) -> Object:
    """Return a Service, or raise a `NotFoundError`."""
    try:
        return await cluster.get(f"/api/v1/namespaces/{namespace}/services/{name}")
    except ObjectNotFoundError:
        raise NotFoundError(f"Service '{name}' not found in namespace '{namespace}'") from None


def http_port(service: Mapping[str, Any]) -> tuple[int, str]:
    """Return number and name of a Service's HTTP port; KAITO's defaults for `{}`, a Service that cannot be read."""
    ports: Sequence[Mapping[str, Any]] = (service.get("spec") or {}).get("ports") or ({},)
    port = next((port for port in ports if port.get("port") == HTTP_PORT), ports[0])
    return (port["port"], port.get("name") or "") if port else (HTTP_PORT, _HTTP_NAME)


async def get_pod(cluster: ApiClient, namespace: str, name: str) -> Object | None:
    """Return a pod; `None` when it does not exist."""
    try:
        return await cluster.get(f"/api/v1/namespaces/{namespace}/pods/{name}")
    except ObjectNotFoundError:
        return None


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Return whether a pod is running and ready, and not being deleted."""
    status = pod.get("status") or {}
    conditions = {condition["type"]: condition["status"] for condition in status.get("conditions") or ()}
    return (
        status.get("phase") == "Running"
        and conditions.get("Ready") == "True"
        and not pod["metadata"].get("deletionTimestamp")
    )


def _pods(slices: list[Object], port_name: str) -> list[Pod]:
    """Return the pods of EndpointSlices, those that serve first.

    The condition `ready` is of no use: KAITO's Services publish pods that are not ready.
    """
    pods: list[tuple[bool, Pod]] = []
    for item in slices:
        ports = {port.get("name") or "": port.get("port") for port in item.get("ports") or ()}
        port = ports.get(port_name)
        for endpoint in item.get("endpoints") or ():
            reference, conditions = endpoint.get("targetRef") or {}, endpoint.get("conditions") or {}
            if port is None or reference.get("kind") != "Pod":
                continue
            serving = conditions.get("serving") is not False and not conditions.get("terminating")
            pods.append((not serving, Pod(name=reference["name"], uid=reference.get("uid") or "", port=port)))
    return [pod for _, pod in sorted(pods, key=lambda item: (item[0], item[1].name))]
