"""The cluster's domain, as the kubelet tells it to a pod's resolver."""

from __future__ import annotations

from pathlib import Path

#: The resolver's configuration.
RESOLV_CONF = Path("/etc/resolv.conf")
#: The domain of a cluster that was not given another.
USUAL_DOMAIN = "cluster.local"


def cluster_domain(path: Path | None = None) -> str:
    """Return the cluster's domain: in a pod's search list it stands after `svc.`.

    Args:
        path: of the resolver's configuration, :data:`RESOLV_CONF` if not given.
    """
    try:
        text = (path or RESOLV_CONF).read_text(encoding="ascii", errors="replace")
    except OSError:
        return USUAL_DOMAIN
    for line in text.splitlines():
        keyword, *names = line.split() or [""]
        if keyword == "search":
            for name in names:
                before, separator, domain = f".{name.rstrip('.')}".partition(".svc.")
                # `svc.DOMAIN` itself, or `NAMESPACE.svc.DOMAIN`
                if separator and domain and before.count(".") <= 1:
                    return domain
    return USUAL_DOMAIN
