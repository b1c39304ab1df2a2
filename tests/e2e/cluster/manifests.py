"""Reads and applies the manifests in `deploy/`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.controlplane import ApiClient, Object
from tests.controlplane.objects import path_of

DEPLOY = Path(__file__).parents[3] / "deploy"


def read(name: str) -> dict[str, Object]:
    """Return the objects of a file by kind."""
    items = list(yaml.safe_load_all((DEPLOY / name).read_text(encoding="utf-8")))
    by_kind = {item["kind"]: item for item in items}
    assert len(by_kind) == len(items)
    return by_kind


def apply(client: ApiClient, item: Object, namespace: str) -> Any:
    """Apply an object to a namespace. Unknown fields are an error."""
    placed = {**item, "metadata": {**item["metadata"], "namespace": namespace}}
    path = f"{path_of(placed)}?fieldManager=test&fieldValidation=Strict"
    return client.request("PATCH", path, placed, "application/apply-patch+yaml")
