"""The proxy that the environment names for a URL."""

from __future__ import annotations

import ipaddress
import socket
import urllib.request
from contextlib import suppress

from yarl import URL

from kaito.errors import ForbiddenError, UsageError


def proxy_for(url: URL, *, any_scheme: bool = True) -> URL | None:
    """Return the proxy that the environment names for a URL; never one for loopback.

    Args:
        any_scheme: whether `ALL_PROXY` counts, too.

    Raises:
        UsageError: the proxy is of a kind that is not supported.
    """
    host = url.host or ""
    if is_loopback(host):
        return None
    proxies = urllib.request.getproxies()
    proxy = proxies.get(url.scheme) or (proxies.get("all") if any_scheme else None)
    if proxy is None or urllib.request.proxy_bypass(f"{host}:{url.port}") or _in_networks(host, proxies.get("no", "")):
        return None
    return read_proxy(proxy, "The environment names")


def read_proxy(proxy: str, source: str) -> URL:
    """Return a proxy's URL. It may hold a password: no message shows it.

    Args:
        source: the beginning of an error message, such as `The environment names`.

    Raises:
        UsageError: the proxy is of a kind that is not supported.
    """
    try:
        parsed = URL(proxy if "://" in proxy else f"http://{proxy}")
        usable = bool(parsed.host and parsed.port) or parsed.scheme.startswith("socks")
    except ValueError:
        usable = False
    if not usable:
        raise UsageError(f"{source} a proxy whose URL is not valid", "Check HTTP_PROXY, HTTPS_PROXY and ALL_PROXY")
    if parsed.scheme not in ("http", "https"):
        raise UsageError(f"{source} a proxy of the kind '{parsed.scheme}'; only http and https are supported")
    return parsed


def proxy_credentials_required(reason: str) -> ForbiddenError:
    """Return what to raise when a proxy answers 407."""
    return ForbiddenError(
        f"The proxy requires credentials: {reason}", "Put them into the proxy's URL, in HTTP_PROXY or HTTPS_PROXY"
    )


def is_loopback(host: str) -> bool:
    """Return whether a host's name or address belongs to this machine alone."""
    host = host.rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address: ipaddress.IPv4Address | ipaddress.IPv6Address
        # inet_aton reads `127.1` as the resolver does.
        address = ipaddress.ip_address(host) if ":" in host else ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, ValueError):
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or address.is_unspecified


def _in_networks(host: str, exceptions: str) -> bool:
    """Return whether `NO_PROXY` names a network, such as `10.0.0.0/8`, that contains an address."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    for exception in exceptions.split(","):
        with suppress(ValueError):
            if address in ipaddress.ip_network(exception.strip(), strict=False):
                return True
    return False
