"""A fixture that writes kubeconfigs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def kubeconfig(tmp_path: Path):
    """Return a function that writes a kubeconfig with one context, and returns its path."""

    def write(
        name: str = "config",
        *,
        server: str = "https://127.0.0.1:1",
        user: dict[str, Any] | None = None,
        cluster: dict[str, Any] | None = None,
        context: dict[str, Any] | None = None,
        context_name: str = "here",
        current: str | None = "here",
    ) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            json.dumps(
                {
                    "current-context": current,
                    "clusters": [{"name": f"{name}-cluster", "cluster": {"server": server, **(cluster or {})}}],
                    "users": [{"name": f"{name}-user", "user": user or {}}],
                    "contexts": [
                        {
                            "name": context_name,
                            "context": {"cluster": f"{name}-cluster", "user": f"{name}-user", **(context or {})},
                        }
                    ],
                }
            )
        )
        return path

    return write
