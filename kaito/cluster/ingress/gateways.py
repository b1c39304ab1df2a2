"""Parses the routes of HTTPRoutes and Gateways: https://gateway-api.sigs.k8s.io/reference/spec/."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kaito.cluster.ingress.routes import (
    Destination,
    Route,
    Routes,
    UnusableRoute,
    base_path,
    host_matches,
    is_wildcard,
    unusable_wildcard,
)

_GATEWAY_GROUP = "gateway.networking.k8s.io"
_POOL_GROUPS = ("inference.networking.k8s.io", "inference.networking.x-k8s.io")

#: A Gateway's namespace and name.
GatewayKey = tuple[str, str]
#: Gateways; for one that cannot be read, the reason.
Gateways = Mapping[GatewayKey, Mapping[str, Any] | str]


def parent_gateways(item: Mapping[str, Any]) -> Iterator[tuple[GatewayKey, Mapping[str, Any]]]:
    """Yield the Gateways that an HTTPRoute is attached to, each with its `parentRefs` entry."""
    for reference in (item.get("spec") or {}).get("parentRefs") or ():
        if reference.get("kind", "Gateway") == "Gateway" and reference.get("group", _GATEWAY_GROUP) == _GATEWAY_GROUP:
            yield (reference.get("namespace") or item["metadata"]["namespace"], reference["name"]), reference


def routes_to(item: Mapping[str, Any], destination: Destination) -> bool:
    """Return whether any rule of an HTTPRoute sends requests to the destination."""
    return any(_traffic_share(rule, item, destination) for rule in (item.get("spec") or {}).get("rules") or ())


def parse_http_route(item: Mapping[str, Any], gateways: Gateways, destination: Destination) -> Routes:
    """Return the routes of an HTTPRoute to a Service or its InferencePool.

    Args:
        gateways: at least those of :func:`parent_gateways`.
    """
    source = f"HTTPRoute '{item['metadata']['name']}'"
    paths, routes = _parse_rules(item, source, destination)
    for key, reference in parent_gateways(item) if paths else ():
        if rejection := _rejection(item, key, reference):
            routes.append(UnusableRoute(source, rejection))
            continue
        gateway = gateways[key]
        if isinstance(gateway, str):
            routes.append(UnusableRoute(source, gateway))
            continue
        routes += _routes_through(gateway, reference, item, source, paths)
    return routes


def _parse_rules(
    item: Mapping[str, Any], source: str, destination: Destination
) -> tuple[list[tuple[str, dict[str, str]]], Routes]:
    """Return base paths for the destination, each with the headers that select it; and the rules that are unusable."""
    paths: list[tuple[str, dict[str, str]]] = []
    unusable: Routes = []
    for rule in item["spec"].get("rules") or ():
        share = _traffic_share(rule, item, destination)
        if not share:
            continue
        if share < 1:
            unusable.append(UnusableRoute(source, "it sends only a part of its requests to the workspace"))
            continue
        if any(each.get("type") == "RequestRedirect" for each in rule.get("filters") or ()):
            unusable.append(UnusableRoute(source, "it redirects requests"))
            continue
        matches: Iterable[Mapping[str, Any]] = rule.get("matches") or ({},)
        parsed = [_parse_match(match, source) for match in matches]
        paths += [one for one in parsed if not isinstance(one, UnusableRoute)]
        unusable += [one for one in parsed if isinstance(one, UnusableRoute)]
    return paths, unusable


def _traffic_share(rule: Mapping[str, Any], item: Mapping[str, Any], destination: Destination) -> float:
    """Return the share of a rule's requests that go to the destination, by the weights of its backends."""
    references = rule.get("backendRefs") or ()
    weights = [(_is_destination(reference, item, destination), reference.get("weight", 1)) for reference in references]
    total = sum(weight for _, weight in weights)
    return sum(weight for is_destination, weight in weights if is_destination) / total if total else 0.0


def _is_destination(reference: Mapping[str, Any], item: Mapping[str, Any], destination: Destination) -> bool:
    namespace = item["metadata"]["namespace"]
    if (reference.get("namespace") or namespace) != namespace:
        return False
    group, kind, name = reference.get("group") or "", reference.get("kind", "Service"), reference["name"]
    if kind == "InferencePool" and group in _POOL_GROUPS:
        return name in destination.pools
    return (group, kind, name, reference.get("port")) == ("", "Service", destination.service, destination.port)


def _parse_match(match: Mapping[str, Any], source: str) -> tuple[str, dict[str, str]] | UnusableRoute:
    path = match.get("path") or {}
    value = path.get("value") or "/"
    base = base_path(value, exact=path.get("type") == "Exact")
    if base is None:
        return UnusableRoute(source, f"it matches only the path '{value}'")
    headers = match.get("headers") or ()
    if match.get("method") or match.get("queryParams") or any(one.get("type", "Exact") != "Exact" for one in headers):
        return UnusableRoute(source, "it matches only certain methods, queries or headers")
    return base, {one["name"]: one["value"] for one in headers}


def _rejection(item: Mapping[str, Any], key: GatewayKey, reference: Mapping[str, Any]) -> str:
    """Return why a Gateway rejects an HTTPRoute, by the HTTPRoute's status; `""` when it does not."""
    for parent in (item.get("status") or {}).get("parents") or ():
        parent_reference = parent.get("parentRef") or {}
        parent_key = (parent_reference.get("namespace") or item["metadata"]["namespace"], parent_reference.get("name"))
        if parent_key != key or any(
            parent_reference.get(field) != reference.get(field) for field in ("sectionName", "port")
        ):
            continue
        for condition in parent.get("conditions") or ():
            if condition.get("type") == "Accepted" and condition.get("status") == "False":
                return f"Gateway '{key[1]}' rejects it: {condition.get('message') or condition.get('reason')}"
    return ""


def _routes_through(
    gateway: Mapping[str, Any],
    reference: Mapping[str, Any],
    item: Mapping[str, Any],
    source: str,
    paths: list[tuple[str, dict[str, str]]],
) -> Routes:
    name = gateway["metadata"]["name"]
    source = f"{source} through Gateway '{name}'"
    addresses = tuple(one["value"] for one in (gateway.get("status") or {}).get("addresses") or () if one.get("value"))
    listeners = [
        listener
        for listener in (gateway.get("spec") or {}).get("listeners") or ()
        if listener.get("protocol") in ("HTTP", "HTTPS")
        and reference.get("sectionName") in (None, listener["name"])
        and reference.get("port") in (None, listener["port"])
    ]
    routes: Routes = []
    for listener in listeners:
        for host in _common_hosts(item["spec"].get("hostnames") or (), listener.get("hostname")):
            if host is not None and is_wildcard(host):
                routes.append(unusable_wildcard(source, host))
            elif host is None and not addresses:
                routes.append(UnusableRoute(source, "the Gateway has no address yet"))
            else:
                routes += [
                    Route(
                        source=source,
                        secure=listener["protocol"] == "HTTPS",
                        host=host,
                        port=listener["port"],
                        path=path,
                        addresses=addresses,
                        headers=headers,
                    )
                    for path, headers in paths
                ]
    return routes or [UnusableRoute(source, "the Gateway has no matching listener")]


def _common_hosts(route_hosts: Any, listener_host: str | None) -> Iterator[str | None]:
    """Yield the hosts that both an HTTPRoute and a listener accept; `None` for any host."""
    if not route_hosts or not listener_host:
        yield from route_hosts or (listener_host or None,)
        return
    for host in route_hosts:
        if host_matches(listener_host, host, multi_label=True):
            yield host
        elif host_matches(host, listener_host, multi_label=True):
            yield listener_host
