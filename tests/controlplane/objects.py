"""Kubernetes objects as JSON, and their paths on the API server."""

from __future__ import annotations

import datetime
from typing import Any

#: An object as JSON.
Object = dict[str, Any]


def plural(kind: str) -> str:
    """Return the name of a kind's collection, such as `ingresses` for `Ingress`."""
    name = kind.lower()
    if name.endswith("ss"):
        return f"{name}es"
    if name.endswith("s"):
        return name  # Endpoints, Logs
    if name.endswith("y") and name[-2] not in "aeiou":
        return f"{name[:-1]}ies"
    return f"{name}s"


def collection_path(api_version: str, kind: str, namespace: str | None) -> str:
    """Return the path of all objects of a kind. The namespace is `None` for all namespaces and for cluster objects."""
    root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
    within = "" if namespace is None else f"/namespaces/{namespace}"
    return f"{root}{within}/{plural(kind)}"


def path_of(item: Object) -> str:
    """Return the path of an object."""
    metadata = item["metadata"]
    return f"{collection_path(item['apiVersion'], item['kind'], metadata.get('namespace'))}/{metadata['name']}"


def condition(kind: str, status: bool | str, reason: str = "", message: str = "") -> Object:
    """Return a condition that has just changed.

    Args:
        kind: its type, such as `InferenceReady`.
        status: a boolean is converted to its word.
        reason: one word; derived from the type if not given.
        message: a text for people.
    """
    return {
        "type": kind,
        "status": str(status),
        "reason": reason or f"{kind}Is{status}",
        "message": message,
        "lastTransitionTime": timestamp(),
    }


def timestamp() -> str:
    """Return the current time in Kubernetes' format."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
