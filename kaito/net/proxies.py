"""The proxy that the environment names for a URL."""

from __future__ import annotations

import importlib.util
import ipaddress
import socket
import urllib.request
from contextlib import suppress

from yarl import URL

from kaito.errors import UsageError
from kaito.net.proxy_errors import ProxyError

#: The port of a SOCKS proxy whose URL has none.
SOCKS_PORT = 1080


def proxy_for(url: URL, *, any_scheme: bool = True, socks: bool = False) -> URL | None:
    """Return the proxy that the environment names for a URL; `None` for none, and always for loopback.

    Args:
        url: the URL of the requests.
        any_scheme: whether to use `ALL_PROXY`, too.
        socks: whether it may be a SOCKS proxy.

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
    try:
        return parse_proxy(proxy if "://" in proxy else f"http://{proxy}", socks=socks)
    except ProxyError as exc:
        hints = exc.hints or ("Check HTTP_PROXY, HTTPS_PROXY and ALL_PROXY",)
        raise UsageError(f"The environment names {exc}", *hints) from None


def parse_proxy(proxy: str, *, socks: bool = True) -> URL:
    """Return a proxy's URL, checked.

    Args:
        proxy: the URL as text, with its scheme.
        socks: whether it may be a SOCKS proxy.

    Raises:
        ProxyError: the URL is not valid, its kind is not supported, or the library for it is not installed.
    """
    try:
        parsed = URL(proxy)
        usable = bool(parsed.scheme and parsed.host and (parsed.port or "://" in proxy))
    except ValueError:
        usable = False
    if not usable:
        raise ProxyError("a proxy whose URL is not valid")
    if parsed.scheme not in ("http", "https", *(["socks5"] if socks else [])):
        kinds = "http, https and socks5" if socks else "http and https"
        raise ProxyError(f"a proxy of the kind '{parsed.scheme}'; only {kinds} are supported")
    if _is_socks(parsed) and importlib.util.find_spec("python_socks") is None:
        from kaito.util.installation import install_hint

        raise ProxyError("a SOCKS proxy, which needs the package 'python-socks'", install_hint("kaito", extra="socks"))
    return parsed


def by_kind(proxy: URL | None) -> tuple[URL | None, URL | None]:
    """Return the HTTP proxy and the SOCKS proxy: the given proxy is one of them, and the other one is `None`."""
    return (None, proxy) if proxy is not None and _is_socks(proxy) else (proxy, None)


def _is_socks(proxy: URL) -> bool:
    return proxy.scheme == "socks5"


def is_loopback(host: str) -> bool:
    """Return whether a host name or an address always means this machine."""
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
    """Return whether `host` is an address in a network that `NO_PROXY` names, such as `10.0.0.0/8`."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    for exception in exceptions.split(","):
        with suppress(ValueError):
            if address in ipaddress.ip_network(exception.strip(), strict=False):
                return True
    return False
