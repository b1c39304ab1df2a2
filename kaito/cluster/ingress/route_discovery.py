"""Finding the objects that describe ways to a workspace's Service."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Mapping
from typing import Any, TypeVar

from msgspec import Struct

from kaito.cluster.api_client import ApiClient, Object
from kaito.cluster.api_errors import NotServed
from kaito.cluster.ingress.gateways import Gateways, Key, parents, read_http_route, selects_backend
from kaito.cluster.ingress.ingresses import read_ingress, read_load_balancer
from kaito.cluster.ingress.routes import Destination, Reading, Route, Unusable
from kaito.cluster.services import get_service, http_port
from kaito.cluster.workspaces.readiness import ServingWorkspace
from kaito.errors import KaitoError

T = TypeVar("T")

_GATEWAY_VERSIONS = ("v1", "v1beta1")


class DiscoveredRoutes(Struct, frozen=True, kw_only=True):
    """What was found."""

    #: Those with TLS first.
    routes: tuple[Route, ...]
    unusable: tuple[Unusable, ...]
    #: Why something could not be looked at.
    refusals: tuple[KaitoError, ...]


async def discover_routes(cluster: ApiClient, serving: ServingWorkspace) -> DiscoveredRoutes:
    """Look at Ingresses, HTTPRoutes and the Service itself, at all of them at once.

    One kind that the user may not read, or that the cluster does not have, does not hide the others.
    """
    looking = _Looking(cluster, serving)
    ingresses, (version, http_routes), service = await asyncio.gather(
        looking.at(cluster.items(f"/apis/networking.k8s.io/v1/namespaces/{serving.namespace}/ingresses"), []),
        looking.at(looking.http_routes(), ("", [])),
        looking.at(get_service(cluster, serving.namespace, serving.name), {}),
    )
    destination = _destination(serving, service)
    http_routes = [item for item in http_routes if selects_backend(item, destination)]
    gateways = await looking.gateways(version, {key for item in http_routes for key, _ in parents(item)})
    reading: Reading = read_load_balancer(service, destination) if service else []
    for item in ingresses:
        reading += read_ingress(item, destination)
    for item in http_routes:
        reading += read_http_route(item, gateways, destination)
    routes = [one for one in reading if isinstance(one, Route)]
    return DiscoveredRoutes(
        routes=tuple(sorted(_once(routes), key=lambda route: (not route.secure, len(route.path)))),
        unusable=tuple(one for one in reading if isinstance(one, Unusable)),
        refusals=looking.refusals,
    )


class _Looking:
    """Reads objects, and remembers what it was refused."""

    def __init__(self, cluster: ApiClient, serving: ServingWorkspace) -> None:
        self._refused: list[KaitoError | None] = []
        self._cluster = cluster
        self._namespace = serving.namespace

    @property
    def refusals(self) -> tuple[KaitoError, ...]:
        """What was refused, in the order in which it was asked for."""
        return tuple(exc for exc in self._refused if exc is not None)

    async def at(self, reading: Awaitable[T], otherwise: T) -> T:
        place = len(self._refused)
        self._refused.append(None)
        try:
            return await reading
        except NotServed:
            pass
        except KaitoError as exc:
            self._refused[place] = exc
        return otherwise

    async def http_routes(self) -> tuple[str, list[Object]]:
        """Return the HTTPRoutes and their version; the Gateways' is the same."""
        for version in _GATEWAY_VERSIONS:
            try:
                return version, await self._cluster.items(_gateway_path(version, self._namespace, "httproutes"))
            except NotServed:
                continue
        return "", []

    async def gateways(self, version: str, keys: Iterable[Key]) -> Gateways:
        return dict(await asyncio.gather(*(self._gateway(version, key) for key in keys)))

    async def _gateway(self, version: str, key: Key) -> tuple[Key, Mapping[str, Any] | str]:
        namespace, name = key
        try:
            return key, await self._cluster.get(f"{_gateway_path(version, namespace, 'gateways')}/{name}")
        except KaitoError as exc:
            return key, f"its Gateway '{name}' cannot be read: {exc.message}"


def _gateway_path(version: str, namespace: str, plural: str) -> str:
    return f"/apis/gateway.networking.k8s.io/{version}/namespaces/{namespace}/{plural}"


def _destination(serving: ServingWorkspace, service: Mapping[str, Any]) -> Destination:
    pools = frozenset({f"{serving.inference_set or serving.name}-inferencepool"})
    port, port_name = http_port(service)
    return Destination(service=serving.name, port=port, port_name=port_name, pools=pools)


def _once(routes: Iterable[Route]) -> list[Route]:
    """Leave out what is there already: one host may have a rule for each of the server's paths."""
    unique: dict[tuple[Any, ...], Route] = {}
    for route in routes:
        key = (route.secure, route.host, route.port, route.path, route.addresses, tuple(route.headers.items()))
        unique.setdefault(key, route)
    return list(unique.values())
