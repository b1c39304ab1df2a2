"""What an Ingress, or a Service of type LoadBalancer, says of the ways to a Service."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kaito.cluster.ingress.routes import (
    Destination,
    Reading,
    Route,
    Unusable,
    balancer_addresses,
    base_path,
    choose_port,
    is_wildcard,
    matches,
    wildcard,
)


def read_ingress(item: Mapping[str, Any], destination: Destination) -> Reading:
    """Return the ways of an Ingress (networking.k8s.io/v1) that lead to a Service."""
    source = f"Ingress '{item['metadata']['name']}'"
    spec = item.get("spec") or {}
    addresses, ports = balancer_addresses(item.get("status") or {})
    reading: Reading = []
    for rule_host, path in _paths(spec, destination):
        base = base_path(path.get("path") or "/", exact=path.get("pathType") == "Exact")
        if base is None:
            reading.append(Unusable(source, f"it is for the path '{path['path']}' alone"))
            continue
        for host, secure in _hosts(rule_host, spec.get("tls") or ()):
            if host is not None and is_wildcard(host):
                reading.append(wildcard(source, host))
            elif host is None and not addresses:
                reading.append(Unusable(source, "it has no address yet"))
            else:
                port = choose_port(443 if secure else 80, ports)
                reading.append(
                    Route(source=source, secure=secure, host=host, port=port, path=base, addresses=addresses)
                )
    return reading


def read_load_balancer(item: Mapping[str, Any], destination: Destination) -> Reading:
    """Return the ways of a Service itself; none when it is not of type LoadBalancer."""
    spec = item.get("spec") or {}
    if spec.get("type") != "LoadBalancer":
        return []
    source = f"LoadBalancer '{item['metadata']['name']}'"
    addresses, _ = balancer_addresses(item.get("status") or {})
    if not addresses:
        return [Unusable(source, "it has no address yet")]
    ports: Iterable[Mapping[str, Any]] = spec.get("ports") or ()
    port = next((port for port in ports if port.get("port") == destination.port), {})
    secure = str(port.get("appProtocol") or "").lower() == "https"
    return [Route(source=source, secure=secure, host=None, port=destination.port, addresses=addresses)]


def _paths(spec: Mapping[str, Any], destination: Destination) -> Iterator[tuple[str | None, Mapping[str, Any]]]:
    """Yield host and path of each rule that leads there."""
    for rule in spec.get("rules") or ():
        for path in (rule.get("http") or {}).get("paths") or ():
            if _leads_there(path.get("backend"), destination):
                yield rule.get("host") or None, path
    if _leads_there(spec.get("defaultBackend"), destination):
        yield None, {}


def _leads_there(backend: Mapping[str, Any] | None, destination: Destination) -> bool:
    service = (backend or {}).get("service") or {}
    port = service.get("port") or {}
    return service.get("name") == destination.service and (
        port.get("number") == destination.port or port.get("name") == destination.port_name
    )


def _hosts(rule_host: str | None, tls: Any) -> Iterator[tuple[str | None, bool]]:
    """Yield the names to ask for, and whether by TLS."""
    covered = [host for entry in tls for host in entry.get("hosts") or ()]
    # An entry without hosts is for all.
    everything = any(not entry.get("hosts") for entry in tls)
    if rule_host is not None:
        yield rule_host, everything or any(matches(pattern, rule_host) for pattern in covered)
    elif names := [host for host in covered if not is_wildcard(host)]:
        # A rule for any host is one for those that have a certificate, too.
        yield from ((name, True) for name in names)
    else:
        yield None, everything
