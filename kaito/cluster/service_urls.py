"""URLs that follow from a Workspace's name: KAITO gives its Service the same name, and port 80."""

from __future__ import annotations


def service_url(workspace: str, namespace: str, domain: str = "cluster.local") -> str:
    """Return the base URL of a Workspace's Service."""
    return f"http://{workspace}.{namespace}.svc.{domain}"


def shown_url(workspace: str | None, namespace: str | None) -> str:
    """Return the URL for the `Endpoint:` line of an error, in the default namespace if none is known."""
    return f"{service_url(workspace or '', namespace or 'default')}/chat/completions"
