"""Parses the routes of Ingresses and of Services of type LoadBalancer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kaito.cluster.ingress.routes import (
    Destination,
    Route,
    Routes,
    UnusableRoute,
    base_path,
    choose_port,
    host_matches,
    is_wildcard,
    load_balancer_addresses,
    unusable_wildcard,
)


def parse_ingress(item: Mapping[str, Any], destination: Destination) -> Routes:
    """Return the routes of an Ingress (networking.k8s.io/v1) to a Service."""
    source = f"Ingress '{item['metadata']['name']}'"
    spec = item.get("spec") or {}
    addresses, open_ports = load_balancer_addresses(item.get("status") or {})
    routes: Routes = []
    for rule_host, path in _matching_paths(spec, destination):
        base = base_path(path.get("path") or "/", exact=path.get("pathType") == "Exact")
        if base is None:
            routes.append(UnusableRoute(source, f"it matches only the path '{path['path']}'"))
            continue
        for host, secure in _hosts(rule_host, spec.get("tls") or ()):
            if host is not None and is_wildcard(host):
                routes.append(unusable_wildcard(source, host))
            elif host is None and not addresses:
                routes.append(UnusableRoute(source, "it has no address yet"))
            else:
                port = choose_port(443 if secure else 80, open_ports)
                routes.append(Route(source=source, secure=secure, host=host, port=port, path=base, addresses=addresses))
    return routes


def parse_load_balancer(item: Mapping[str, Any], destination: Destination) -> Routes:
    """Return the route of a Service itself; none when it is not of type LoadBalancer."""
    spec = item.get("spec") or {}
    if spec.get("type") != "LoadBalancer":
        return []
    source = f"LoadBalancer '{item['metadata']['name']}'"
    addresses, _ = load_balancer_addresses(item.get("status") or {})
    if not addresses:
        return [UnusableRoute(source, "it has no address yet")]
    ports: Iterable[Mapping[str, Any]] = spec.get("ports") or ()
    port = next((port for port in ports if port.get("port") == destination.port), {})
    secure = str(port.get("appProtocol") or "").lower() == "https"
    return [Route(source=source, secure=secure, host=None, port=destination.port, addresses=addresses)]


def _matching_paths(
    spec: Mapping[str, Any], destination: Destination
) -> Iterator[tuple[str | None, Mapping[str, Any]]]:
    """Yield host and path of each rule for the destination."""
    for rule in spec.get("rules") or ():
        for path in (rule.get("http") or {}).get("paths") or ():
            if _is_destination(path.get("backend"), destination):
                yield rule.get("host") or None, path
    if _is_destination(spec.get("defaultBackend"), destination):
        yield None, {}


def _is_destination(backend: Mapping[str, Any] | None, destination: Destination) -> bool:
    service = (backend or {}).get("service") or {}
    port = service.get("port") or {}
    return service.get("name") == destination.service and (
        port.get("number") == destination.port or port.get("name") == destination.port_name
    )


def _hosts(rule_host: str | None, tls: Any) -> Iterator[tuple[str | None, bool]]:
    """Yield the hosts to request, each with whether it uses TLS; `None` for any host."""
    tls_hosts = [host for entry in tls for host in entry.get("hosts") or ()]
    # An entry without hosts applies to all of them.
    all_hosts = any(not entry.get("hosts") for entry in tls)
    if rule_host is not None:
        yield rule_host, all_hosts or any(host_matches(pattern, rule_host) for pattern in tls_hosts)
    elif names := [host for host in tls_hosts if not is_wildcard(host)]:
        # A rule for any host also applies to the hosts with a certificate.
        yield from ((name, True) for name in names)
    else:
        yield None, all_hosts
