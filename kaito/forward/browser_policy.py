"""Decides which requests may come from a browser: none that a page of another site makes.

A page of any site can make its reader's browser send requests to this machine, and can give this machine's address a
name of its own (DNS rebinding). The browser then says so: in `Host`, which names the site, in `Origin`, which requests
with a body and all scripts' requests across origins have, and in `Sec-Fetch-Site` (Fetch Metadata, section 2.4), which
all requests to a loopback address have. A page cannot set these headers. Programs send no `Origin` and no
`Sec-Fetch-Site`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from kaito.forward.origins import AllowedOrigin, Origin
from kaito.net.proxies import is_loopback

if TYPE_CHECKING:
    from multidict import CIMultiDict, CIMultiDictProxy

    Headers = CIMultiDict[str] | CIMultiDictProxy[str]

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^\s/?#@:\\\[\],]+)(?::[0-9]{1,5})?", re.IGNORECASE)
#: What `Sec-Fetch-Site` says of a page with this port's host name, and of a user who typed the address.
_OWN_SITES = ("same-origin", "same-site", "none")
_TOKENS = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:, ?[!#$%&'*+.^_`|~0-9A-Za-z-]+)*")
#: Seconds that a browser may remember which requests are allowed.
_PREFLIGHT_AGE = "600"

_ONLY = "Only requests from this machine are allowed"


class BrowserPolicy:
    """What a browser may request.

    Args:
        local_only: whether only this machine can connect, so that the name in `Host` must be a loopback one. Otherwise
            it may also be any IP address, which cannot be rebound, the machine's name, and the host of an allowed page.
        allowed: further origins.
        machine: the name of this machine in its network.
    """

    def __init__(self, *, local_only: bool, allowed: Sequence[AllowedOrigin] = (), machine: str = "") -> None:
        self._local_only = local_only
        self._allowed = allowed
        name = machine.lower().rstrip(".")
        short = name.partition(".")[0]
        # Multicast DNS (RFC 6762) resolves names in `local` on the own network only.
        self._own_names = {name, short, f"{short}.local"} if short else set()

    def refusal(self, headers: Headers, authority: str | None = None) -> str:
        """Return why a request must be refused; `""` when it need not be.

        Args:
            authority: the host and port of a request's target, if they are there, too.
        """
        hosts = [_host(value) for value in headers.getall("Host", ())]
        if authority is not None:
            hosts.append(_host(authority))
        if not (hosts and all(map(self._is_own, hosts))):
            if self._local_only:
                return f"{_ONLY}: the Host header names another one"
            return (
                "The Host header names another machine. To allow a further name of this one: --allow-origin http://NAME"
            )
        origins = headers.getall("Origin", ())
        if not all(self._is_allowed(Origin.parse(origin), hosts) for origin in origins):
            return f"{_ONLY}: the Origin header names another one. To allow an app or a page: --allow-origin"
        # A page of this machine under another of its names is another site. Its origin says what it is.
        sites = headers.getall("Sec-Fetch-Site", ())
        if not origins and not all(site in _OWN_SITES for site in sites):
            return f"{_ONLY}: a web page of another site sent this one"
        return ""

    def _is_own(self, host: str | None) -> bool:
        """Return whether the host that a request names is this machine, rather than a name of a site's."""
        if self._local_only or host is None:
            return _is_this_machine(host)
        host = host.rstrip(".")
        if is_loopback(host) or _is_address(host) or host in self._own_names:
            return True
        return any(allowed.origin.is_web and allowed.origin.host == host for allowed in self._allowed)

    def _is_allowed(self, origin: Origin | None, hosts: Sequence[str | None]) -> bool:
        if origin is None:
            return False
        if any(allowed.allows(origin) for allowed in self._allowed):
            return True
        if not origin.is_web:
            return False
        # Other machines may use the port: a page of theirs has the same address or name, which cannot be rebound.
        is_same = not self._local_only and origin.host in hosts
        is_same = is_same and (_is_address(origin.host) or origin.host in self._own_names)
        return _is_this_machine(origin.host) or is_same


def preflight_headers(headers: Headers) -> dict[str, str]:
    """Return the answer to a browser that asks whether a request is allowed (Fetch, 4.8); empty when it does not ask.

    The request has passed the policy.
    """
    method = headers.get("Access-Control-Request-Method", "")
    if "Origin" not in headers or not _TOKENS.fullmatch(method):
        return {}
    names = headers.get("Access-Control-Request-Headers", "")
    answer = {
        **origin_headers(headers),
        "Access-Control-Allow-Methods": method,
        "Access-Control-Max-Age": _PREFLIGHT_AGE,
    }
    if _TOKENS.fullmatch(names):
        answer["Access-Control-Allow-Headers"] = names
    if "Access-Control-Request-Private-Network" in headers:
        answer["Access-Control-Allow-Private-Network"] = "true"
    return answer


def origin_headers(headers: Headers) -> dict[str, str]:
    """Return the headers that let the page or app that sent a request read its response; none without an origin."""
    if (origin := headers.get("Origin")) is None:
        return {}
    return {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}


def _host(authority: str) -> str | None:
    match = _HOST.fullmatch(authority)
    return match[1].strip("[]").lower() if match else None


def _is_this_machine(host: str | None) -> bool:
    if host is None or not is_loopback(host):
        return False
    # A page of any site can use 0.0.0.0, and a browser then sends neither of the other headers.
    with suppress(ValueError):
        return not ipaddress.ip_address(host).is_unspecified
    return True


def _is_address(host: str) -> bool:
    with suppress(ValueError):
        return bool(ipaddress.ip_address(host))
    return False
