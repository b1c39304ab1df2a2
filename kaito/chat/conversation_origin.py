"""The origin of a conversation: the names of its target, and a hash that identifies its server."""

from __future__ import annotations

import hashlib
from pathlib import Path
from urllib.parse import urlsplit

from kaito.types import Endpoint, Target
from kaito.types.conversations import Origin

#: Hexadecimal digits of the hash.
_DIGITS = 32
_PORTS = {"http": 80, "https": 443}


def origin_of(endpoint: Endpoint, target: Target, backend: str, model: str) -> Origin:
    """Return the origin of the conversations with an open endpoint.

    Args:
        target: what the user asked for.
        backend: the backend that opened the endpoint.
        model: as the banner shows it.
    """
    location = endpoint.location
    return Origin(
        workspace=target.workspace,
        kind=target.kind if target.workspace is not None else "",
        namespace=location.namespace,
        context=location.context,
        server=fingerprint(location.server or server_url(endpoint.base)),
        label=endpoint.label,
        endpoint=server_url(target.endpoint) if target.endpoint is not None else None,
        backend=backend,
        kubeconfig=str(Path(target.kubeconfig).absolute()) if target.kubeconfig is not None else None,
        model=model,
    )


def fingerprint(server: str) -> str:
    """Return the hash that identifies a server."""
    return hashlib.sha256(server.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]


def server_url(url: str) -> str:
    """Return a server's URL without credentials, query and fragment, and the same for each way to write it."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        port = parts.port
    except ValueError:  # a plugin's endpoint may have any URL
        port = None
    shown = f"[{host}]" if ":" in host else host
    if port is not None and port != _PORTS.get(parts.scheme):
        shown = f"{shown}:{port}"
    path = parts.path.rstrip("/").removesuffix("/chat/completions").removesuffix("/v1")
    return parts._replace(netloc=shown, path=path.rstrip("/"), query="", fragment="").geturl()
