"""The pod that this runs in, if it does."""

from __future__ import annotations

from collections.abc import Mapping


def in_pod(environ: Mapping[str, str]) -> bool:
    """Return whether this runs in a pod of a cluster."""
    return bool(environ.get("KUBERNETES_SERVICE_HOST") and environ.get("KUBERNETES_SERVICE_PORT"))
