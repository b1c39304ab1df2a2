"""Decides which requests a browser may send. Pages of other sites may send none.

A page of any site can make its reader's browser send requests to this machine, and its site can give a name of its own
to this machine's address (DNS rebinding). The browser's headers reveal it: `Host` names the site; `Origin` is sent with
a body and with all requests of scripts across origins; `Sec-Fetch-Site` (Fetch Metadata, section 2.4) is sent to any
loopback address. A page cannot set these headers. Programs other than browsers send neither `Origin` nor
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
#: The values of `Sec-Fetch-Site` for a page with this port's host name, and for an address that the user typed.
_OWN_SITES = ("same-origin", "same-site", "none")
_TOKENS = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:, ?[!#$%&'*+.^_`|~0-9A-Za-z-]+)*")
#: Seconds that a browser may remember which requests are allowed.
_PREFLIGHT_AGE = "600"

_ONLY = "Only requests from this machine are allowed"


class BrowserPolicy:
    """Decides which requests of browsers are refused.

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
        # Multicast DNS (RFC 6762) resolves names in `local` only within the local network.
        self._own_names = {name, short, f"{short}.local"} if short else set()

    def refusal(self, headers: Headers, authority: str | None = None) -> str:
        """Return why a request must be refused; `""` if it is allowed.

        Args:
            headers: the request's headers.
            authority: the host and port in the request's target; `None` if it is only a path.
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
        # For a browser, another name of this machine is another site. The origin, if there is one, has been checked.
        sites = headers.getall("Sec-Fetch-Site", ())
        if not origins and not all(site in _OWN_SITES for site in sites):
            return f"{_ONLY}: a web page of another site sent this one"
        return ""

    def _is_own(self, host: str | None) -> bool:
        """Return whether the host that a request names is this machine, not a site that points its name here."""
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
        # When other machines may use the port, they may also read pages that this machine serves on other ports. The
        # host of such a page is this machine's address or name, and neither can be rebound.
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
    # A page of any site can request 0.0.0.0, for which a browser sends neither of the other headers.
    with suppress(ValueError):
        return not ipaddress.ip_address(host).is_unspecified
    return True


def _is_address(host: str) -> bool:
    with suppress(ValueError):
        return bool(ipaddress.ip_address(host))
    return False
