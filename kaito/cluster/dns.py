"""DNS inside a pod: the cluster's domain, and whether a name can be resolved."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

RESOLV_CONF = Path("/etc/resolv.conf")
DEFAULT_DOMAIN = "cluster.local"
#: Seconds for one lookup. The resolver's own timeouts add up to half a minute.
DNS_TIMEOUT: Final = 1.0


def cluster_domain(path: Path | None = None) -> str:
    """Return the cluster's domain, which follows `svc.` in a pod's DNS search list.

    Args:
        path: the resolver's configuration, by default :data:`RESOLV_CONF`.
    """
    try:
        text = (path or RESOLV_CONF).read_text(encoding="ascii", errors="replace")
    except OSError:
        return DEFAULT_DOMAIN
    for line in text.splitlines():
        keyword, *names = line.split() or [""]
        if keyword == "search":
            for name in names:
                prefix, separator, domain = f".{name.rstrip('.')}".partition(".svc.")
                # `svc.DOMAIN`, or `NAMESPACE.svc.DOMAIN`
                if separator and domain and prefix.count(".") <= 1:
                    return domain
    return DEFAULT_DOMAIN


async def resolution_error(host: str) -> str | None:
    """Return why DNS cannot resolve a name; `None` when it can."""
    try:
        # A timeout leaves the lookup's thread behind, as it cannot be cancelled.
        # Before Python 3.12, wait_for loses a cancellation at the moment when the address is found.
        async with asyncio.timeout(DNS_TIMEOUT):
            await asyncio.get_running_loop().getaddrinfo(host, None)
    except TimeoutError:
        return f"DNS lookup of {host} timed out after {DNS_TIMEOUT:g} s"
    except (OSError, UnicodeError):
        return f"DNS cannot resolve {host}"
    return None
