"""Discovers the objects that describe routes to a workspace's Service."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from msgspec import Struct

from kaito.cluster.api_client import ApiClient
from kaito.cluster.api_errors import KindNotServedError, MissingPermissionError
from kaito.cluster.ingress.gateways import GatewayContext, GatewayKey, parent_gateways, parse_http_route, routes_to
from kaito.cluster.ingress.ingresses import parse_ingress, parse_load_balancer
from kaito.cluster.ingress.route_kinds import GATEWAY_GROUP, Gateway, HttpRoute, Ingress, ReferenceGrant
from kaito.cluster.ingress.routes import Destination, Route, Routes, UnusableRoute
from kaito.cluster.kinds import Namespace, Service
from kaito.cluster.services import get_service, http_port
from kaito.cluster.workspaces.readiness import ServingWorkspace
from kaito.errors import KaitoError

T = TypeVar("T")

_GATEWAY_VERSIONS = ("v1", "v1beta1")
_GRANT_VERSIONS = ("v1", "v1beta1", "v1alpha2")


class DiscoveredRoutes(Struct, frozen=True, kw_only=True):
    """The routes to a Service."""

    #: Those with TLS first.
    usable: tuple[Route, ...]
    unusable: tuple[UnusableRoute, ...]
    #: The reasons why some objects could not be read.
    errors: tuple[KaitoError, ...]


async def discover_routes(cluster: ApiClient, serving: ServingWorkspace) -> DiscoveredRoutes:
    """Read Ingresses, HTTPRoutes and the Service itself, all at once.

    A kind that the user may not read, or that the cluster does not have, does not hide the others.
    """
    reader = _Reader(cluster, serving)
    path = f"/apis/networking.k8s.io/v1/namespaces/{serving.namespace}/ingresses"
    no_ingresses: list[Ingress] = []
    no_service: Service | None = None
    ingresses, (version, http_routes), service = await asyncio.gather(
        reader.read(cluster.items(path, Ingress), no_ingresses),
        reader.read(reader.http_routes(), ("", [])),
        reader.read(get_service(cluster, serving.namespace, serving.name), no_service),
    )
    destination = _destination(serving, service)
    http_routes = [item for item in http_routes if routes_to(item, destination)]
    context = await reader.context(version, http_routes)
    routes: Routes = parse_load_balancer(service, destination) if service is not None else []
    for ingress in ingresses:
        routes += parse_ingress(ingress, destination)
    for http_route in http_routes:
        routes += parse_http_route(http_route, context, destination)
    usable = _without_duplicates(one for one in routes if isinstance(one, Route))
    return DiscoveredRoutes(
        usable=tuple(sorted(usable, key=lambda route: (not route.secure, len(route.path)))),
        unusable=tuple(one for one in routes if isinstance(one, UnusableRoute)),
        errors=reader.errors,
    )


class _Reader:
    """Reads objects, and records the errors."""

    def __init__(self, cluster: ApiClient, serving: ServingWorkspace) -> None:
        self._errors: list[KaitoError | None] = []
        self._cluster = cluster
        self._namespace = serving.namespace

    @property
    def errors(self) -> tuple[KaitoError, ...]:
        """The errors, in the order of the requests."""
        return tuple(exc for exc in self._errors if exc is not None)

    async def read(self, request: Awaitable[T], default: T) -> T:
        """Return a request's result, or the default when it fails."""
        position = len(self._errors)
        self._errors.append(None)
        try:
            return await request
        except KindNotServedError:
            pass
        except KaitoError as exc:
            self._errors[position] = exc
        return default

    async def http_routes(self) -> tuple[str, list[HttpRoute]]:
        """Return the API's version, which is also that of the Gateways, and the HTTPRoutes.

        Those of other namespaces may lead to the Service, too. A user who may not list them gets those of its own.
        """
        for version in _GATEWAY_VERSIONS:
            try:
                try:
                    return version, await self._cluster.items(_gateway_api_path(version, "httproutes"), HttpRoute)
                except MissingPermissionError:
                    path = _gateway_api_path(version, "httproutes", self._namespace)
                    return version, await self._cluster.items(path, HttpRoute)
            except KindNotServedError:
                continue
        return "", []

    async def context(self, version: str, http_routes: Sequence[HttpRoute]) -> GatewayContext:
        """Return the objects that decide where the requests of HTTPRoutes go."""
        parents = [(item, key) for item in http_routes for key, _ in parent_gateways(item)]
        foreign = {item.namespace for item, (gateway_namespace, _) in parents if item.namespace != gateway_namespace}
        needs_grants = any(item.namespace != self._namespace for item in http_routes)
        gateways, labels, grants = await asyncio.gather(
            asyncio.gather(*(self._gateway(version, key) for key in {key for _, key in parents})),
            asyncio.gather(*(self._labels(namespace) for namespace in foreign)),
            self._grants() if needs_grants else _nothing(),
        )
        readable = {namespace: found for namespace, found in labels if found is not None}
        return GatewayContext(gateways=dict(gateways), namespace_labels=readable, grants=grants)

    async def _gateway(self, version: str, key: GatewayKey) -> tuple[GatewayKey, Gateway | str]:
        namespace, name = key
        try:
            return key, await self._cluster.get(f"{_gateway_api_path(version, 'gateways', namespace)}/{name}", Gateway)
        except KaitoError as exc:
            return key, f"its Gateway '{name}' cannot be read: {exc.message}"

    async def _labels(self, namespace: str) -> tuple[str, Mapping[str, str] | None]:
        try:
            return namespace, (await self._cluster.get(f"/api/v1/namespaces/{namespace}", Namespace)).metadata.labels
        except KaitoError:
            return namespace, None

    async def _grants(self) -> Sequence[ReferenceGrant] | None:
        for version in _GRANT_VERSIONS:
            path = _gateway_api_path(version, "referencegrants", self._namespace)
            try:
                return await self._cluster.items(path, ReferenceGrant)
            except KindNotServedError:
                continue
            except KaitoError:
                return None
        return []


async def _nothing() -> None:
    return None


def _gateway_api_path(version: str, plural: str, namespace: str | None = None) -> str:
    scope = "" if namespace is None else f"namespaces/{namespace}/"
    return f"/apis/{GATEWAY_GROUP}/{version}/{scope}{plural}"


def _destination(serving: ServingWorkspace, service: Service | None) -> Destination:
    pools = frozenset({f"{serving.inference_set or serving.name}-inferencepool"})
    port = http_port(service)
    return Destination(
        service=serving.name, namespace=serving.namespace, port=port.port, port_name=port.name, pools=pools
    )


def _without_duplicates(routes: Iterable[Route]) -> Iterable[Route]:
    """Leave out routes that differ only in their source: some hosts have a rule for each path of the server."""
    unique: dict[tuple[Any, ...], Route] = {}
    for route in routes:
        key = (route.secure, route.host, route.port, route.path, route.addresses, tuple(route.headers.items()))
        unique.setdefault(key, route)
    return unique.values()
