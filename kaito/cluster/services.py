"""From a Service to a pod: by its EndpointSlices, to the port that the Service's port leads to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from kaito.cluster.api_client import ApiClient, Object
from kaito.cluster.api_errors import Missing
from kaito.errors import NotFoundError
from kaito.util.tasks import gather_both

#: The port of a Workspace's Service, and its name, by which EndpointSlices call the pods' port.
HTTP_PORT, _HTTP_NAME = 80, "http"


class Pod(Struct, frozen=True, kw_only=True):
    """A pod behind a Service."""

    name: str
    #: Another one after the pod was replaced, though the name stays.
    uid: str
    #: Where the model's server listens.
    port: int


async def find_pod(cluster: ApiClient, namespace: str, service: str) -> Pod:
    """Return a pod that a Service leads to, one that is ready.

    Raises:
        NotFoundError: the Service does not exist, or no pod stands behind it.
        KaitoError: the API server refuses or cannot be reached.
    """
    slices, found = await gather_both(
        cluster.items(
            f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices",
            labelSelector=f"kubernetes.io/service-name={service}",
        ),
        get_service(cluster, namespace, service),
    )
    for pod in _behind(slices, http_port(found)[1]):
        item = await get_pod(cluster, namespace, pod.name)
        if item is not None and is_ready(item):
            return Pod(name=pod.name, uid=item["metadata"]["uid"], port=pod.port)
    raise NotFoundError(
        f"No pod that is ready stands behind Service '{service}' in namespace '{namespace}'",
        f"To see its pods: kubectl get pods -n {namespace} -l kaito.sh/workspace={service}",
    )


async def get_service(cluster: ApiClient, namespace: str, name: str) -> Object:
    """Return a Service.

    Raises:
        NotFoundError: there is none of that name.
        KaitoError: the API server refuses or cannot be reached.
    """
    try:
        return await cluster.get(f"/api/v1/namespaces/{namespace}/services/{name}")
    except Missing:
        raise NotFoundError(f"There is no Service '{name}' in namespace '{namespace}'") from None


def http_port(service: Mapping[str, Any]) -> tuple[int, str]:
    """Return number and name of a Service's HTTP port; the usual ones for `{}`, a Service that could not be read."""
    ports: Sequence[Mapping[str, Any]] = (service.get("spec") or {}).get("ports") or ({},)
    port = next((port for port in ports if port.get("port") == HTTP_PORT), ports[0])
    return (port["port"], port.get("name") or "") if port else (HTTP_PORT, _HTTP_NAME)


async def get_pod(cluster: ApiClient, namespace: str, name: str) -> Object | None:
    """Return a pod; `None` when there is none of that name.

    Raises:
        KaitoError: the API server refuses or cannot be reached.
    """
    try:
        return await cluster.get(f"/api/v1/namespaces/{namespace}/pods/{name}")
    except Missing:
        return None


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Return whether a pod runs, is ready, and is not about to go."""
    status = pod.get("status") or {}
    conditions = {condition["type"]: condition["status"] for condition in status.get("conditions") or ()}
    return (
        status.get("phase") == "Running"
        and conditions.get("Ready") == "True"
        and not pod["metadata"].get("deletionTimestamp")
    )


def _behind(slices: list[Object], port_name: str) -> list[Pod]:
    """Return the pods that EndpointSlices name, those that serve first.

    `ready` tells nothing here: KAITO's Services publish pods that are not.
    """
    pods: list[tuple[bool, Pod]] = []
    for piece in slices:
        ports = {port.get("name") or "": port.get("port") for port in piece.get("ports") or ()}
        port = ports.get(port_name)
        for endpoint in piece.get("endpoints") or ():
            reference, conditions = endpoint.get("targetRef") or {}, endpoint.get("conditions") or {}
            if port is None or reference.get("kind") != "Pod":
                continue
            serves = conditions.get("serving") is not False and not conditions.get("terminating")
            pod = Pod(name=reference["name"], uid=reference.get("uid") or "", port=port)
            pods.append((not serves, pod))
    return [pod for _, pod in sorted(pods, key=lambda item: (item[0], item[1].name))]
