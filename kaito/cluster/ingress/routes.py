"""What a way in from outside consists of, whichever kind of object describes it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct
from yarl import URL

# What a pattern has and a plain path has not; `/llama(/|$)(.*)` is how many ingresses say `/llama`.
_PATTERN = re.compile(r"(\.[*+?]|[(\[{*+?$^\\|]).*", re.DOTALL)
# What the client adds to a base URL by itself.
_OPENAI = re.compile(r"(/v1(/.*)?|/chat/completions)$")


class Destination(Struct, frozen=True, kw_only=True):
    """What a way has to lead to."""

    #: The Service's name.
    service: str
    #: The number and the name of its HTTP port.
    port: int
    port_name: str
    #: Names of InferencePools that lead there as well.
    pools: frozenset[str] = frozenset()


class Route(Struct, frozen=True, kw_only=True):
    """A way in, as the cluster's objects describe it."""

    #: The object that describes it, for people: `Ingress 'chat'`.
    source: str
    #: Whether it is TLS.
    secure: bool
    #: The name that has to be asked for; `None` where any will do.
    host: str | None
    port: int
    #: What stands before the server's own paths; `""` or `/…` without a slash at the end.
    path: str = ""
    #: Where it is, by the object's status: IP addresses or names.
    addresses: tuple[str, ...] = ()
    #: Headers that a request must have to be led there.
    headers: Mapping[str, str] = {}

    def url(self, host: str) -> str:
        """Return the base URL for one of its names or addresses."""
        standard = 443 if self.secure else 80
        port = None if self.port == standard else self.port
        scheme = "https" if self.secure else "http"
        return str(URL.build(scheme=scheme, host=host, port=port, path=self.path)).rstrip("/")


class Unusable(Struct, frozen=True):
    """A way that is none, and why."""

    source: str
    reason: str

    def __str__(self) -> str:
        return f"{self.source}: {self.reason}"


#: What an object turns out to be: ways, and such that are none.
Reading = list[Route | Unusable]


def base_path(path: str, *, exact: bool) -> str | None:
    """Return what stands before the server's own paths, when a way is for this path.

    Args:
        path: a prefix, or a pattern: of that the part counts that is none.
        exact: whether it is for this very path; then only the one for chat is of use.

    Returns:
        `""` or `/…` without a slash at the end; `None` when the way is of no use.
    """
    if exact and not path.endswith("/chat/completions"):
        return None
    return _OPENAI.sub("", _PATTERN.sub("", path).rstrip("/")).rstrip("/")


def is_wildcard(host: str) -> bool:
    """Return whether a host stands for many: `*.example.com`."""
    return host.startswith("*.")


def matches(pattern: str, host: str, *, deep: bool = False) -> bool:
    """Return whether a host is the one that a pattern names, or one of them.

    Args:
        pattern: a host, or `*.` and the end of many.
        deep: whether the star stands for several labels, as in the Gateway API, or for one, as in an Ingress.
    """
    if not is_wildcard(pattern):
        return pattern.lower() == host.lower()
    head, _, rest = host.lower().partition(".")
    suffix = pattern[1:].lower()
    return bool(head) and (host.lower().endswith(suffix) if deep else f".{rest}" == suffix)


def wildcard(source: str, host: str) -> Unusable:
    """Return what is said of a way whose host stands for many."""
    return Unusable(source, f"its host '{host}' stands for many; give the URL of one with --endpoint")


def balancer_addresses(status: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return the addresses and ports of a status with a `loadBalancer`, as Ingresses and Services have it.

    The ports are those that it says are open, most often none: then they are the usual ones.
    """
    entries = (status.get("loadBalancer") or {}).get("ingress") or ()
    addresses = tuple(entry.get("ip") or entry.get("hostname") for entry in entries)
    ports = (port["port"] for entry in entries for port in entry.get("ports") or () if not port.get("error"))
    return tuple(filter(None, addresses)), tuple(ports)


def choose_port(standard: int, ports: Iterable[int]) -> int:
    """Return the standard port, unless it is known that others are open and it is not."""
    known = tuple(ports)
    return standard if not known or standard in known else known[0]
