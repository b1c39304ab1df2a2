"""Finds a pod of a Service and its port, even when the user may not read all of the objects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from kaito.cluster.api_client import ApiClient
from kaito.cluster.api_errors import MissingPermissionError, ObjectNotFoundError
from kaito.cluster.kinds import EndpointSlice, Pod, Service, ServicePort
from kaito.errors import NotFoundError
from kaito.util.tasks import gather_both

#: The port of the inference server in its pod.
POD_PORT = 5000
#: The port of a Workspace's Service and its name, which is also the name of the pods' port in EndpointSlices.
HTTP_PORT = ServicePort(port=80, name="http", target_port=POD_PORT)


class PodAddress(Struct, frozen=True, kw_only=True):
    """The model's server in a pod."""

    name: str
    #: Distinguishes the pod from a later one of the same name; `""` if the pod cannot be read.
    uid: str
    port: int


async def find_pod(cluster: ApiClient, namespace: str, service: str) -> PodAddress:
    """Return a ready pod of a Service.

    Its EndpointSlices name the pods. A user who may not list them gets the pods that the Service selects, as with
    `kubectl port-forward`, and who may not list those either gets the pod that KAITO creates first.

    Raises:
        NotFoundError: the Service does not exist, or has no ready pod.
    """
    candidates, item = await gather_both(
        _addresses_by_slices(cluster, namespace, service), _service_if_permitted(cluster, namespace, service)
    )
    port = http_port(item)
    if candidates is not None:
        pods = [address for name, address in candidates if name == port.name]
    elif item is not None and (selected := await _addresses_by_selector(cluster, item, port)) is not None:
        pods = selected
    else:
        pods = [PodAddress(name=f"{service}-0", uid="", port=POD_PORT)]
    for candidate in pods:
        try:
            pod = await get_pod(cluster, namespace, candidate.name)
        except MissingPermissionError:
            return candidate
        if pod is not None and pod.ready:
            return PodAddress(name=candidate.name, uid=pod.metadata.uid, port=candidate.port)
    raise NotFoundError(
        f"Service '{service}' in namespace '{namespace}' has no ready pod",
        f"To see its pods: kubectl get pods -n {namespace} -l kaito.sh/workspace={service}{cluster.config.flags}",
    )


async def get_service(cluster: ApiClient, namespace: str, name: str) -> Service:
    """Return a Service, or raise a `NotFoundError`."""
    try:
        return await cluster.get(f"/api/v1/namespaces/{namespace}/services/{name}", Service)
    except ObjectNotFoundError:
        raise NotFoundError(f"Service '{name}' not found in namespace '{namespace}'") from None


def http_port(service: Service | None) -> ServicePort:
    """Return a Service's HTTP port; KAITO's port if the Service is `None`, because it cannot be read."""
    if service is None or not service.spec.ports:
        return HTTP_PORT
    ports = service.spec.ports
    return next((port for port in ports if port.port == HTTP_PORT.port), ports[0])


async def get_pod(cluster: ApiClient, namespace: str, name: str) -> Pod | None:
    """Return a pod; `None` if it does not exist."""
    try:
        return await cluster.get(f"/api/v1/namespaces/{namespace}/pods/{name}", Pod)
    except ObjectNotFoundError:
        return None


async def _service_if_permitted(cluster: ApiClient, namespace: str, name: str) -> Service | None:
    try:
        return await get_service(cluster, namespace, name)
    except MissingPermissionError:
        return None


async def _addresses_by_slices(cluster: ApiClient, namespace: str, service: str) -> list[tuple[str, PodAddress]] | None:
    """Return addresses with the names of their ports; `None` if the user may not list EndpointSlices."""
    path = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
    try:
        slices = await cluster.items(path, EndpointSlice, labelSelector=f"kubernetes.io/service-name={service}")
    except MissingPermissionError:
        return None
    return _slice_addresses(slices)


def _slice_addresses(slices: Iterable[EndpointSlice]) -> list[tuple[str, PodAddress]]:
    """Return the addresses in EndpointSlices, those that serve first.

    The condition `ready` cannot be used: KAITO's Services also publish pods that are not ready.
    """
    addresses: list[tuple[bool, str, PodAddress]] = []
    for item in slices:
        for endpoint in item.endpoints:
            reference, conditions = endpoint.target_ref, endpoint.conditions
            if reference.kind != "Pod" or not reference.name:
                continue
            serving = conditions.serving and not conditions.terminating
            for port in item.ports:
                if port.port is not None:
                    address = PodAddress(name=reference.name, uid=reference.uid, port=port.port)
                    addresses.append((not serving, port.name, address))
    return [(name, address) for _, name, address in sorted(addresses, key=lambda one: (one[0], one[2].name))]


async def _addresses_by_selector(cluster: ApiClient, service: Service, port: ServicePort) -> list[PodAddress] | None:
    """Return the pods that a Service selects; `None` if it has no selector, or the user may not list pods."""
    if not service.spec.selector:
        return None
    path = f"/api/v1/namespaces/{service.namespace}/pods"
    try:
        pods = await cluster.items(path, Pod, labelSelector=service.spec.label_selector)
    except MissingPermissionError:
        return None
    return _selected_addresses(pods, port)


def _selected_addresses(pods: Sequence[Pod], port: ServicePort) -> list[PodAddress]:
    ordered = sorted(pods, key=lambda pod: (not pod.ready, pod.name))
    return [PodAddress(name=pod.name, uid=pod.metadata.uid, port=_target_port(pod, port)) for pod in ordered]


def _target_port(pod: Pod, port: ServicePort) -> int:
    """Return the number of the pod's port behind a Service's port; KAITO's number if the pod does not declare it."""
    target = port.target_port
    if isinstance(target, str):
        declared = (one for container in pod.spec.containers for one in container.ports)
        return next((one.container_port for one in declared if one.name == target), POD_PORT)
    return target or port.port
