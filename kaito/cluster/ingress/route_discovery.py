"""Discovers the objects that describe routes to a workspace's Service."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Mapping
from typing import Any, TypeVar

from msgspec import Struct

from kaito.cluster.api_client import ApiClient, Object
from kaito.cluster.api_errors import KindNotServedError
from kaito.cluster.ingress.gateways import GatewayKey, Gateways, parent_gateways, parse_http_route, routes_to
from kaito.cluster.ingress.ingresses import parse_ingress, parse_load_balancer
from kaito.cluster.ingress.routes import Destination, Route, Routes, UnusableRoute
from kaito.cluster.services import get_service, http_port
from kaito.cluster.workspaces.readiness import ServingWorkspace
from kaito.errors import KaitoError

T = TypeVar("T")

_GATEWAY_VERSIONS = ("v1", "v1beta1")


class DiscoveredRoutes(Struct, frozen=True, kw_only=True):
    """The routes to a Service."""

    #: Those with TLS first.
    usable: tuple[Route, ...]
    unusable: tuple[UnusableRoute, ...]
    #: Why some objects could not be read.
    errors: tuple[KaitoError, ...]


async def discover_routes(cluster: ApiClient, serving: ServingWorkspace) -> DiscoveredRoutes:
    """Read Ingresses, HTTPRoutes and the Service itself, all at once.

    A kind that the user may not read, or that the cluster does not have, does not hide the others.
    """
    reader = _Reader(cluster, serving)
    ingresses, (version, http_routes), service = await asyncio.gather(
        reader.read(cluster.items(f"/apis/networking.k8s.io/v1/namespaces/{serving.namespace}/ingresses"), []),
        reader.read(reader.http_routes(), ("", [])),
        reader.read(get_service(cluster, serving.namespace, serving.name), {}),
    )
    destination = _destination(serving, service)
    http_routes = [item for item in http_routes if routes_to(item, destination)]
    gateways = await reader.gateways(version, {key for item in http_routes for key, _ in parent_gateways(item)})
    routes: Routes = parse_load_balancer(service, destination) if service else []
    for item in ingresses:
        routes += parse_ingress(item, destination)
    for item in http_routes:
        routes += parse_http_route(item, gateways, destination)
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

    async def http_routes(self) -> tuple[str, list[Object]]:
        """Return the API's version, which is also that of the Gateways, and the HTTPRoutes."""
        for version in _GATEWAY_VERSIONS:
            try:
                return version, await self._cluster.items(_gateway_api_path(version, self._namespace, "httproutes"))
            except KindNotServedError:
                continue
        return "", []

    async def gateways(self, version: str, keys: Iterable[GatewayKey]) -> Gateways:
        """Return Gateways, each with the reason in its place when it cannot be read."""
        return dict(await asyncio.gather(*(self._gateway(version, key) for key in keys)))

    async def _gateway(self, version: str, key: GatewayKey) -> tuple[GatewayKey, Mapping[str, Any] | str]:
        namespace, name = key
        try:
            return key, await self._cluster.get(f"{_gateway_api_path(version, namespace, 'gateways')}/{name}")
        except KaitoError as exc:
            return key, f"its Gateway '{name}' cannot be read: {exc.message}"


def _gateway_api_path(version: str, namespace: str, plural: str) -> str:
    return f"/apis/gateway.networking.k8s.io/{version}/namespaces/{namespace}/{plural}"


def _destination(serving: ServingWorkspace, service: Mapping[str, Any]) -> Destination:
    pools = frozenset({f"{serving.inference_set or serving.name}-inferencepool"})
    port, port_name = http_port(service)
    return Destination(service=serving.name, port=port, port_name=port_name, pools=pools)


def _without_duplicates(routes: Iterable[Route]) -> Iterable[Route]:
    """Return routes that differ in more than their source: some hosts have a rule for each of the server's paths."""
    unique: dict[tuple[Any, ...], Route] = {}
    for route in routes:
        key = (route.secure, route.host, route.port, route.path, route.addresses, tuple(route.headers.items()))
        unique.setdefault(key, route)
    return unique.values()
