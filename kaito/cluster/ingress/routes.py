"""A route from outside the cluster to a Service, and the rules that Ingresses and the Gateway API share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from msgspec import Struct
from yarl import URL

from kaito.cluster.kinds import LoadBalancer

# Matches from the first character that occurs only in patterns: many Ingresses write `/llama` as `/llama(/|$)(.*)`.
_PATTERN = re.compile(r"(\.[*+?]|[(\[{*+?$^\\|]).*", re.DOTALL)
# Paths that clients append to a base URL.
_OPENAI_PATH = re.compile(r"(/v1(/.*)?|/chat/completions)$")


class Destination(Struct, frozen=True, kw_only=True):
    """The Service to which a route must lead."""

    service: str
    namespace: str
    #: The number and the name of its HTTP port.
    port: int
    port_name: str
    #: Names of the InferencePools in front of it.
    pools: frozenset[str] = frozenset()


class Route(Struct, frozen=True, kw_only=True):
    """A route that objects of the cluster describe."""

    #: The object that describes it, such as `Ingress 'chat'`.
    source: str
    #: Whether it uses TLS.
    secure: bool
    #: The host name to request; `None` for any.
    host: str | None
    port: int
    #: The prefix of the server's own paths: `""`, or `/…` without a trailing slash.
    path: str = ""
    #: IP addresses or names in the object's status.
    addresses: tuple[str, ...] = ()
    #: Headers that a request must have to take this route.
    headers: Mapping[str, str] = {}

    def url(self, host: str) -> str:
        """Return the base URL for a host name or an address."""
        default_port = 443 if self.secure else 80
        port = None if self.port == default_port else self.port
        scheme = "https" if self.secure else "http"
        return str(URL.build(scheme=scheme, host=host, port=port, path=self.path)).rstrip("/")


class UnusableRoute(Struct, frozen=True):
    """A route that cannot be used, and why."""

    source: str
    reason: str

    def __str__(self) -> str:
        return f"{self.source}: {self.reason}"


Routes = list[Route | UnusableRoute]


def base_path(path: str, *, exact: bool) -> str | None:
    """Return the prefix of the server's own paths, for the path that a rule matches.

    Args:
        path: a prefix or a pattern, which counts up to its first special character.
        exact: whether the rule matches this path only; it is then useful only for chat completions.

    Returns:
        `""`, or `/…` without a trailing slash; `None` when the rule cannot be used.
    """
    if exact and not path.endswith("/chat/completions"):
        return None
    return _OPENAI_PATH.sub("", _PATTERN.sub("", path).rstrip("/")).rstrip("/")


def is_wildcard(host: str) -> bool:
    """Return whether a host is a wildcard such as `*.example.com`."""
    return host.startswith("*.")


def host_matches(pattern: str, host: str, *, multi_label: bool = False) -> bool:
    """Return whether a host matches a pattern.

    Args:
        multi_label: whether `*` matches several labels, as in the Gateway API, or one, as in an Ingress.
    """
    if not is_wildcard(pattern):
        return pattern.lower() == host.lower()
    first, _, rest = host.lower().partition(".")
    suffix = pattern[1:].lower()
    return bool(first) and (host.lower().endswith(suffix) if multi_label else f".{rest}" == suffix)


def unusable_wildcard(source: str, host: str) -> UnusableRoute:
    """Return the result for a route whose host is a wildcard."""
    return UnusableRoute(source, f"its host '{host}' is a wildcard; use --endpoint with the URL of one host")


def load_balancer_addresses(balancer: LoadBalancer) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return the addresses and open ports of the load balancer of an Ingress or a Service.

    Most implementations list no ports; the default ones are then open.
    """
    entries = balancer.ingress
    addresses = tuple(entry.ip or entry.hostname for entry in entries)
    ports = tuple(port.port for entry in entries for port in entry.ports if not port.error)
    return tuple(filter(None, addresses)), ports


def choose_port(default: int, open_ports: Iterable[int]) -> int:
    """Return the default port, unless only other ports are open."""
    known = tuple(open_ports)
    return default if not known or default in known else known[0]
