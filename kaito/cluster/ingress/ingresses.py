"""Parses the routes of Ingresses and of Services of type LoadBalancer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kaito.cluster.ingress.route_kinds import Ingress, IngressBackend, IngressPath, IngressSpec, IngressTls
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
from kaito.cluster.kinds import Service


def parse_ingress(item: Ingress, destination: Destination) -> Routes:
    """Return the routes of an Ingress (networking.k8s.io/v1) to a Service."""
    source = f"Ingress '{item.name}'"
    addresses, open_ports = load_balancer_addresses(item.status.load_balancer)
    routes: Routes = []
    for rule_host, path in _matching_paths(item.spec, destination):
        base = base_path(path.path, exact=path.path_type == "Exact")
        if base is None:
            routes.append(UnusableRoute(source, f"it matches only the path '{path.path}'"))
            continue
        for host, secure in _hosts(rule_host, item.spec.tls):
            if host is not None and is_wildcard(host):
                routes.append(unusable_wildcard(source, host))
            elif host is None and not addresses:
                routes.append(UnusableRoute(source, "it has no address yet"))
            else:
                port = choose_port(443 if secure else 80, open_ports)
                routes.append(Route(source=source, secure=secure, host=host, port=port, path=base, addresses=addresses))
    return routes


def parse_load_balancer(item: Service, destination: Destination) -> Routes:
    """Return the route of a Service of type LoadBalancer; none for any other Service."""
    if item.spec.type != "LoadBalancer":
        return []
    source = f"LoadBalancer '{item.name}'"
    addresses, _ = load_balancer_addresses(item.status.load_balancer)
    if not addresses:
        return [UnusableRoute(source, "it has no address yet")]
    protocols = [port.app_protocol.lower() for port in item.spec.ports if port.port == destination.port]
    secure = protocols[:1] == ["https"]
    return [Route(source=source, secure=secure, host=None, port=destination.port, addresses=addresses)]


def _matching_paths(spec: IngressSpec, destination: Destination) -> Iterator[tuple[str | None, IngressPath]]:
    """Yield host and path of each rule for the destination."""
    for rule in spec.rules:
        for path in rule.http.paths:
            if _is_destination(path.backend, destination):
                yield rule.host or None, path
    if _is_destination(spec.default_backend, destination):
        yield None, IngressPath()


def _is_destination(backend: IngressBackend, destination: Destination) -> bool:
    port = backend.service.port
    is_port = port.number == destination.port or (port.name != "" and port.name == destination.port_name)
    return backend.service.name == destination.service and is_port


def _hosts(rule_host: str | None, tls: Sequence[IngressTls]) -> Iterator[tuple[str | None, bool]]:
    """Yield the hosts to request, each with whether it uses TLS; `None` for any host."""
    tls_hosts = [host for entry in tls for host in entry.hosts]
    # An entry without hosts applies to all of them.
    all_hosts = any(not entry.hosts for entry in tls)
    if rule_host is not None:
        yield rule_host, all_hosts or any(host_matches(pattern, rule_host) for pattern in tls_hosts)
    elif names := [host for host in tls_hosts if not is_wildcard(host)]:
        # A rule for any host also applies to the hosts with a certificate.
        yield from ((name, True) for name in names)
    else:
        yield None, all_hosts
