"""The cluster for subcommands and plugins: reads objects as plain data, with the user's credentials."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from kaito.cluster.api_client import ApiClient
from kaito.cluster.auth.cluster_config import find_cluster_config
from kaito.errors import KaitoError
from kaito.types import Reporter, Target
from kaito.util import limits
from kaito.util.decoding import DecodeError, decode_json


class Cluster:
    """A connection to the API server. All methods raise a `KaitoError` when it cannot be reached or refuses a request.

    Attributes:
        namespace: the one that the user selected: `-n`, else the kubeconfig's.
        context: the name of the kubeconfig's context; `None` in a pod.
    """

    def __init__(self, client: ApiClient) -> None:
        self._client = client
        self.namespace = client.namespace
        self.context = client.config.context.name if client.config.context is not None else None

    async def get(self, path: str) -> dict[str, Any]:
        """Return an object, such as `/api/v1/namespaces/default/configmaps/my-map`.

        Raises:
            NotFoundError: it does not exist, or its kind is not served.
            ForbiddenError: the user may not read it.
        """
        return _decoded(path, await self._client.read(path, limit=limits.API_OBJECT))

    async def list(self, path: str, **parameters: str) -> list[dict[str, Any]]:
        """Return the objects of a collection, such as `/apis/kaito.sh/v1beta1/namespaces/default/workspaces`.

        Args:
            parameters: of the query, such as `labelSelector`.

        Raises:
            NotFoundError: the kind is not served.
            ForbiddenError: the user may not list it.
        """
        items: list[dict[str, Any]] = []
        query = {**parameters, "limit": "250"}
        for _ in range(limits.API_LIST_PAGES):
            page = _decoded(path, await self._client.read(path, query, limit=limits.API_PAGE))
            found, metadata = page.get("items"), page.get("metadata")
            items += [item for item in found or () if isinstance(item, dict)] if isinstance(found, list) else []
            token = metadata.get("continue") if isinstance(metadata, dict) else None
            if not isinstance(token, str) or not token:
                return items
            query["continue"] = token
        return items


@asynccontextmanager
async def open_cluster(target: Target, reporter: Reporter) -> AsyncIterator[Cluster]:
    """Connect to the cluster of a target.

    Raises:
        KaitoError: no cluster is configured, or its configuration is not valid.
    """
    # A kubeconfig may be a pipe, and a pipe may be slow.
    config = await asyncio.to_thread(find_cluster_config, target, os.environ, reporter)
    async with ApiClient(config, reporter, target.request_timeout) as client:
        yield Cluster(client)


def _decoded(path: str, data: bytes) -> dict[str, Any]:
    try:
        return decode_json(data, dict[str, Any])
    except DecodeError as exc:
        raise KaitoError(f"The API server's answer for {path} is not valid: {exc.reason}") from None
