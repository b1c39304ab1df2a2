"""Writes kubeconfig files."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .certificates import Pair


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeconfigContent:
    """The content of a kubeconfig.

    Attributes:
        server: the URL of the API server.
        authority: the certificate of its authority, as PEM.
        user: the fields of the user; empty for no credentials.
    """

    server: str
    authority: bytes
    user: Mapping[str, str] = field(default_factory=dict, repr=False)

    def write(self, file: Path, namespace: str, context: str = "test") -> Path:
        """Write a kubeconfig with mode 0600, and return its path.

        Args:
            file: its path.
            namespace: the namespace of its only context.
            context: the context's name.
        """
        cluster = {"server": self.server, "certificate-authority-data": _encode(self.authority)}
        details = {"cluster": "test", "user": "test", "namespace": namespace}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": context,
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "test", "user": self.user}],
            "contexts": [{"name": context, "context": details}],
        }
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as stream:
            json.dump(config, stream, indent=1)  # JSON is YAML
        return file


def by_certificate(pair: Pair) -> dict[str, str]:
    """Return the fields of a user with a client certificate."""
    return {"client-certificate-data": _encode(pair.public), "client-key-data": _encode(pair.private)}


def by_token(token: str) -> dict[str, str]:
    """Return the fields of a user with a token."""
    return {"token": token}


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()
