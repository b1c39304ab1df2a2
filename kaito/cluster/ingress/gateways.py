"""Parses the routes of HTTPRoutes and Gateways: https://gateway-api.sigs.k8s.io/reference/spec/."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from kaito.cluster.ingress.route_kinds import (
    GATEWAY_GROUP,
    BackendReference,
    Gateway,
    HttpRoute,
    Listener,
    ParentReference,
    ReferenceGrant,
    RouteMatch,
    RouteRule,
)
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

_POOL_GROUPS = ("inference.networking.k8s.io", "inference.networking.x-k8s.io")

#: A Gateway's namespace and name.
GatewayKey = tuple[str, str]


class GatewayContext(Struct, frozen=True, kw_only=True):
    """The objects that, in addition to an HTTPRoute, decide where its requests go."""

    #: The Gateways, or the reason why one cannot be read.
    gateways: Mapping[GatewayKey, Gateway | str] = {}
    #: The labels of namespaces; those that cannot be read are absent.
    namespace_labels: Mapping[str, Mapping[str, str]] = {}
    #: The grants in the destination's namespace; `None` when they cannot be read.
    grants: Sequence[ReferenceGrant] | None = None


def parent_gateways(item: HttpRoute) -> Iterator[tuple[GatewayKey, ParentReference]]:
    """Yield the Gateways that an HTTPRoute is attached to, each with its `parentRefs` entry."""
    for reference in item.spec.parent_refs:
        if reference.kind == "Gateway" and reference.group == GATEWAY_GROUP and reference.name:
            yield (reference.namespace or item.namespace, reference.name), reference


def routes_to(item: HttpRoute, destination: Destination) -> bool:
    """Return whether any rule of an HTTPRoute sends requests to the destination."""
    return any(_traffic_share(rule, item, destination) for rule in item.spec.rules)


def parse_http_route(item: HttpRoute, context: GatewayContext, destination: Destination) -> Routes:
    """Return the routes of an HTTPRoute to a Service or its InferencePool.

    Args:
        context: has at least the Gateways of :func:`parent_gateways`.
    """
    source = f"HTTPRoute '{item.name}'"
    if item.namespace != destination.namespace:
        source += f" in namespace '{item.namespace}'"
    paths, routes = _parse_rules(item, source, destination, context.grants)
    for key, reference in parent_gateways(item) if paths else ():
        if rejection := _rejection(item, key, reference):
            routes.append(UnusableRoute(source, rejection))
            continue
        gateway = context.gateways[key]
        if isinstance(gateway, str):
            routes.append(UnusableRoute(source, gateway))
            continue
        labels = context.namespace_labels.get(item.namespace)
        routes += _routes_through(gateway, reference, item, source, paths, labels)
    return routes


def _parse_rules(
    item: HttpRoute, source: str, destination: Destination, grants: Sequence[ReferenceGrant] | None
) -> tuple[list[tuple[str, dict[str, str]]], Routes]:
    """Return the base paths of the destination with the headers that select them, and the rules that cannot be used."""
    paths: list[tuple[str, dict[str, str]]] = []
    unusable: Routes = []
    for rule in item.spec.rules:
        share = _traffic_share(rule, item, destination)
        if not share:
            continue
        if share < 1:
            unusable.append(UnusableRoute(source, "it sends only a part of its requests to the workspace"))
        elif not _is_granted(rule, item, destination, grants):
            reason = f"no ReferenceGrant in namespace '{destination.namespace}' allows it to use the Service"
            unusable.append(UnusableRoute(source, reason))
        elif any(each.type == "RequestRedirect" for each in rule.filters):
            unusable.append(UnusableRoute(source, "it redirects requests"))
        else:
            parsed = [_parse_match(match, source) for match in rule.matches or (RouteMatch(),)]
            paths += [one for one in parsed if not isinstance(one, UnusableRoute)]
            unusable += [one for one in parsed if isinstance(one, UnusableRoute)]
    return paths, unusable


def _traffic_share(rule: RouteRule, item: HttpRoute, destination: Destination) -> float:
    """Return the share of a rule's requests that go to the destination, by the weights of its backends."""
    weights = [(_is_destination(one, item, destination), max(one.weight, 0)) for one in rule.backend_refs]
    total = sum(weight for _, weight in weights)
    return sum(weight for is_destination, weight in weights if is_destination) / total if total else 0.0


def _is_destination(reference: BackendReference, item: HttpRoute, destination: Destination) -> bool:
    if (reference.namespace or item.namespace) != destination.namespace:
        return False
    if reference.kind == "InferencePool" and reference.group in _POOL_GROUPS:
        return reference.name in destination.pools
    wanted = ("", "Service", destination.service, destination.port)
    return (reference.group, reference.kind, reference.name, reference.port) == wanted


def _is_granted(
    rule: RouteRule, item: HttpRoute, destination: Destination, grants: Sequence[ReferenceGrant] | None
) -> bool:
    """Return whether an HTTPRoute may use the backends of a rule, also when the grants cannot be read."""
    if item.namespace == destination.namespace or grants is None:
        return True
    return all(
        any(grant.allows(item.namespace, one) for grant in grants)
        for one in rule.backend_refs
        if _is_destination(one, item, destination)
    )


def _parse_match(match: RouteMatch, source: str) -> tuple[str, dict[str, str]] | UnusableRoute:
    base = base_path(match.path.value, exact=match.path.type == "Exact")
    if base is None:
        return UnusableRoute(source, f"it matches only the path '{match.path.value}'")
    if match.method or match.query_params or any(one.type != "Exact" for one in match.headers):
        return UnusableRoute(source, "it matches only certain methods, queries or headers")
    return base, {one.name: one.value for one in match.headers}


def _rejection(item: HttpRoute, key: GatewayKey, reference: ParentReference) -> str:
    """Return why a Gateway rejects an HTTPRoute, by the HTTPRoute's status; `""` when it does not."""
    for parent in item.status.parents:
        other = parent.parent_ref
        if (other.namespace or item.namespace, other.name) != key:
            continue
        if (other.section_name, other.port) != (reference.section_name, reference.port):
            continue
        for condition in parent.conditions:
            if condition.type in ("Accepted", "ResolvedRefs") and condition.status == "False":
                return f"Gateway '{key[1]}' rejects it: {condition.message or condition.reason}"
    return ""


def _routes_through(
    gateway: Gateway,
    reference: ParentReference,
    item: HttpRoute,
    source: str,
    paths: list[tuple[str, dict[str, str]]],
    labels: Mapping[str, str] | None,
) -> Routes:
    source = f"{source} through Gateway '{gateway.name}'"
    addresses = tuple(one.value for one in gateway.status.addresses if one.value)
    attached = [
        listener
        for listener in gateway.spec.listeners
        if listener.protocol in ("HTTP", "HTTPS")
        and reference.section_name in (None, listener.name)
        and reference.port in (None, listener.port)
    ]
    listeners = [listener for listener in attached if _accepts(listener, gateway, item, labels)]
    if attached and not listeners:
        return [UnusableRoute(source, f"the Gateway accepts no HTTPRoutes of namespace '{item.namespace}'")]
    routes: Routes = []
    for listener in listeners:
        for host in _common_hosts(item.spec.hostnames, listener.hostname):
            if host is not None and is_wildcard(host):
                routes.append(unusable_wildcard(source, host))
            elif host is None and not addresses:
                routes.append(UnusableRoute(source, "the Gateway has no address yet"))
            else:
                routes += [
                    Route(
                        source=source,
                        secure=listener.protocol == "HTTPS",
                        host=host,
                        port=listener.port,
                        path=path,
                        addresses=addresses,
                        headers=headers,
                    )
                    for path, headers in paths
                ]
    return routes or [UnusableRoute(source, "the Gateway has no matching listener")]


def _accepts(listener: Listener, gateway: Gateway, item: HttpRoute, labels: Mapping[str, str] | None) -> bool:
    """Return whether a listener accepts an HTTPRoute, also when its namespace's labels cannot be read."""
    allowed = listener.allowed_routes
    if allowed.kinds and all(one.kind != "HTTPRoute" for one in allowed.kinds):
        return False
    match allowed.namespaces.source:
        case "All":
            return True
        case "Selector":
            return labels is None or allowed.namespaces.selector.matches(labels)
        case "Same":
            return item.namespace == gateway.namespace
    return False


def _common_hosts(route_hosts: Sequence[str], listener_host: str) -> Iterator[str | None]:
    """Yield the hosts that both an HTTPRoute and a listener accept; `None` for any host."""
    if not route_hosts or not listener_host:
        yield from route_hosts or (listener_host or None,)
        return
    for host in route_hosts:
        if host_matches(listener_host, host, multi_label=True):
            yield host
        elif host_matches(host, listener_host, multi_label=True):
            yield listener_host
