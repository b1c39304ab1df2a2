"""Kubernetes objects as JSON, and the paths where the API server keeps them."""

from __future__ import annotations

import datetime
from typing import Any

#: An object as the API server reads and writes it.
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
    """Return the path of all objects of a kind in a namespace; in none, or in all, if that is `None`."""
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
        status: `True` and `False` stand for the words.
        reason: one word; made from the type if not given.
        message: for people.
    """
    return {
        "type": kind,
        "status": str(status),
        "reason": reason or f"{kind}Is{status}",
        "message": message,
        "lastTransitionTime": timestamp(),
    }


def timestamp() -> str:
    """Return the present time as Kubernetes writes it."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
