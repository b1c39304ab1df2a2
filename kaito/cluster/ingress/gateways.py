"""What HTTPRoutes and Gateways of the Gateway API say of the ways to a Service or to an InferencePool.

https://gateway-api.sigs.k8s.io/reference/spec/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kaito.cluster.ingress.routes import (
    Destination,
    Reading,
    Route,
    Unusable,
    base_path,
    is_wildcard,
    matches,
    wildcard,
)

_GROUP = "gateway.networking.k8s.io"
_POOL_GROUPS = ("inference.networking.k8s.io", "inference.networking.x-k8s.io")

#: A Gateway's namespace and name.
Key = tuple[str, str]
#: Gateways by their keys; in place of one that could not be read, the reason.
Gateways = Mapping[Key, Mapping[str, Any] | str]


def parents(item: Mapping[str, Any]) -> Iterator[tuple[Key, Mapping[str, Any]]]:
    """Yield the Gateways that an HTTPRoute is attached to, each with the reference to it."""
    for reference in (item.get("spec") or {}).get("parentRefs") or ():
        if reference.get("kind", "Gateway") == "Gateway" and reference.get("group", _GROUP) == _GROUP:
            yield (reference.get("namespace") or item["metadata"]["namespace"], reference["name"]), reference


def selects_backend(item: Mapping[str, Any], destination: Destination) -> bool:
    """Return whether any rule of an HTTPRoute leads to a Service or to its InferencePool."""
    return any(_share(rule, item, destination) for rule in (item.get("spec") or {}).get("rules") or ())


def read_http_route(item: Mapping[str, Any], gateways: Gateways, destination: Destination) -> Reading:
    """Return the ways of an HTTPRoute that lead to a Service or to its InferencePool.

    Args:
        item: the HTTPRoute.
        gateways: at least those of :func:`parents`.
        destination: where they have to lead.
    """
    source = f"HTTPRoute '{item['metadata']['name']}'"
    paths, reading = _paths(item, source, destination)
    for key, reference in parents(item) if paths else ():
        if refused := _refused(item, key, reference):
            reading.append(Unusable(source, refused))
            continue
        gateway = gateways[key]
        if isinstance(gateway, str):
            reading.append(Unusable(source, gateway))
            continue
        reading += _through(gateway, reference, item, source, paths)
    return reading


def _paths(
    item: Mapping[str, Any], source: str, destination: Destination
) -> tuple[list[tuple[str, dict[str, str]]], Reading]:
    """Return the paths that lead there, with the headers that each takes; and what does not lead there for sure."""
    paths: list[tuple[str, dict[str, str]]] = []
    reading: Reading = []
    for rule in item["spec"].get("rules") or ():
        share = _share(rule, item, destination)
        if not share:
            continue
        if share < 1:
            reading.append(Unusable(source, "only a part of its requests is led there"))
            continue
        if any(each.get("type") == "RequestRedirect" for each in rule.get("filters") or ()):
            reading.append(Unusable(source, "it redirects"))
            continue
        alternatives: Iterable[Mapping[str, Any]] = rule.get("matches") or ({},)
        found = [_match(match, source) for match in alternatives]
        paths += [one for one in found if not isinstance(one, Unusable)]
        reading += [one for one in found if isinstance(one, Unusable)]
    return paths, reading


def _share(rule: Mapping[str, Any], item: Mapping[str, Any], destination: Destination) -> float:
    """Return which part of a rule's requests is led there."""
    references = rule.get("backendRefs") or ()
    weights = [(_is_there(reference, item, destination), reference.get("weight", 1)) for reference in references]
    whole = sum(weight for _, weight in weights)
    return sum(weight for there, weight in weights if there) / whole if whole else 0.0


def _is_there(reference: Mapping[str, Any], item: Mapping[str, Any], destination: Destination) -> bool:
    namespace = item["metadata"]["namespace"]
    if (reference.get("namespace") or namespace) != namespace:
        return False
    group, kind, name = reference.get("group") or "", reference.get("kind", "Service"), reference["name"]
    if kind == "InferencePool" and group in _POOL_GROUPS:
        return name in destination.pools
    return (group, kind, name, reference.get("port")) == ("", "Service", destination.service, destination.port)


def _match(match: Mapping[str, Any], source: str) -> tuple[str, dict[str, str]] | Unusable:
    path = match.get("path") or {}
    value = path.get("value") or "/"
    base = base_path(value, exact=path.get("type") == "Exact")
    if base is None:
        return Unusable(source, f"it is for the path '{value}' alone")
    headers = match.get("headers") or ()
    if match.get("method") or match.get("queryParams") or any(one.get("type", "Exact") != "Exact" for one in headers):
        return Unusable(source, "it is for requests of a certain kind alone")
    return base, {one["name"]: one["value"] for one in headers}


def _refused(item: Mapping[str, Any], key: Key, reference: Mapping[str, Any]) -> str:
    """Return why a Gateway does not take an HTTPRoute, as far as it says so."""
    for parent in (item.get("status") or {}).get("parents") or ():
        told = parent.get("parentRef") or {}
        same = (told.get("namespace") or item["metadata"]["namespace"], told.get("name")) == key
        if not same or any(told.get(part) != reference.get(part) for part in ("sectionName", "port")):
            continue
        for condition in parent.get("conditions") or ():
            if condition.get("type") == "Accepted" and condition.get("status") == "False":
                return f"Gateway '{key[1]}' does not take it: {condition.get('message') or condition.get('reason')}"
    return ""


def _through(
    gateway: Mapping[str, Any],
    reference: Mapping[str, Any],
    item: Mapping[str, Any],
    source: str,
    paths: list[tuple[str, dict[str, str]]],
) -> Reading:
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
    reading: Reading = []
    for listener in listeners:
        for host in _hosts(item["spec"].get("hostnames") or (), listener.get("hostname")):
            if host is not None and is_wildcard(host):
                reading.append(wildcard(source, host))
            elif host is None and not addresses:
                reading.append(Unusable(source, "the Gateway has no address yet"))
            else:
                secure, port = listener["protocol"] == "HTTPS", listener["port"]
                reading += [
                    Route(
                        source=source,
                        secure=secure,
                        host=host,
                        port=port,
                        path=path,
                        addresses=addresses,
                        headers=headers,
                    )
                    for path, headers in paths
                ]
    return reading or [Unusable(source, "the Gateway has no listener for it")]


def _hosts(asked: Any, listened: str | None) -> Iterator[str | None]:
    """Yield the hosts that a route asks for and a listener has; `None` for any."""
    if not asked or not listened:
        yield from asked or (listened or None,)
        return
    for host in asked:
        if matches(listened, host, deep=True):
            yield host
        elif matches(host, listened, deep=True):
            yield listened
