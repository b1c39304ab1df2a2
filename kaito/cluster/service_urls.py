"""The names that KAITO gives: what is derived from a Workspace's name alone."""

from __future__ import annotations


def service_url(workspace: str, namespace: str, domain: str = "cluster.local") -> str:
    """Return the base URL of a Workspace's Service, which has the Workspace's name and port 80."""
    return f"http://{workspace}.{namespace}.svc.{domain}"


def shown_url(workspace: str, namespace: str) -> str:
    """Return the `Endpoint:` line of an error, by the user's document."""
    return f"{service_url(workspace, namespace)}/chat/completions"
