"""Applies objects with the dynamic client of the package `kubernetes`, over kaito's own connection to the API server.

The package reads no kubeconfig here, holds no credentials and opens no connection: logins, client certificates,
proxies and impersonation are the same as for every other request.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import aiohttp
from msgspec import Struct
from yarl import URL

from kaito.cluster.api_client import ApiClient
from kaito.cluster.api_errors import KindNotServedError
from kaito.cluster.transfer import Outgoing
from kaito.cluster.write_errors import write_error
from kaito.errors import KaitoError, NotFoundError
from kaito.types import Applied, Reporter
from kaito.util.decoding import DecodeError, decode_json
from kaito.util.sanitize import one_line

_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:_-]*")
#: The most warnings of one response that are shown, and the most characters of each.
_WARNINGS, _WARNING = 10, 1000


class Manifest(Struct, frozen=True, kw_only=True):
    """An object that is applied."""

    group: str
    version: str
    kind: str
    name: str
    namespace: str | None
    body: Mapping[str, Any]

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> Manifest:
        """Return the manifest of an object.

        Raises:
            ValueError: it has no version, kind or name, or one that cannot be part of a path.
        """
        metadata = item.get("metadata")
        version, kind = item.get("apiVersion"), item.get("kind")
        name = metadata.get("name") if isinstance(metadata, Mapping) else None
        if not (isinstance(version, str) and isinstance(kind, str) and isinstance(name, str) and name):
            raise ValueError("an object needs apiVersion, kind and metadata.name")
        assert isinstance(metadata, Mapping)
        group, _, short = version.rpartition("/")
        namespace = metadata.get("namespace")
        for word in (group or "v1", short, name, namespace or "default"):
            # The package inserts them in URLs without quoting.
            if not (isinstance(word, str) and _PART.fullmatch(word)):
                raise ValueError(f"{word!r} cannot be part of a path")
        return cls(group=group, version=short, kind=kind, name=name, namespace=namespace, body=item)

    @property
    def path(self) -> str:
        """The path at which the API server lists its version's kinds."""
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"

    def __str__(self) -> str:
        return f"{self.kind} '{self.name}'"


class _Resource(Struct, frozen=True):
    name: str
    kind: str
    namespaced: bool = False


class _ResourceList(Struct, frozen=True):
    resources: tuple[_Resource, ...] = ()


async def apply(
    client: ApiClient, reporter: Reporter, item: Mapping[str, Any], *, manager: str, dry_run: bool, force: bool
) -> Applied:
    """Apply an object by server-side apply; see :meth:`~kaito.cluster.cluster.Cluster.apply`."""
    manifest = Manifest.of(item)
    resource = await _find_resource(client, manifest)
    namespace = (manifest.namespace or client.namespace) if resource.namespaced else None
    # In a thread: importing the package takes a while, and the event loop must keep running.
    dynamic, rest, models = await asyncio.to_thread(_import)
    sender = models.ApiClient(models.Configuration(host=""))
    sender.rest_client = _Sender(client, str(manifest), rest.RESTResponse)
    response = await dynamic.DynamicClient(sender).server_side_apply(
        dynamic.Resource(
            prefix="apis" if manifest.group else "api",
            group=manifest.group,
            api_version=manifest.version,
            kind=manifest.kind,
            name=resource.name,
            namespaced=resource.namespaced,
        ),
        body=dict(manifest.body),
        name=manifest.name,
        namespace=namespace,
        field_manager=manager,
        force_conflicts="true" if force else "false",
        dry_run="All" if dry_run else None,
        # The server must refuse a field that the kind does not have, rather than drop it.
        query_params=[("fieldValidation", "Strict")],
        serialize=False,
    )
    _report_warnings(response, reporter)
    data = await client.body(response)
    try:
        stored = decode_json(data, dict[str, Any])
    except DecodeError as exc:
        raise KaitoError(f"The API server's answer for {manifest} is not valid: {exc}") from None
    return Applied(object=stored, created=response.status == 201)


async def _find_resource(client: ApiClient, manifest: Manifest) -> _Resource:
    missing = NotFoundError(
        f"The API server has no kind {manifest.kind} in {manifest.path.partition('/')[2].partition('/')[2]}",
        f"To list the kinds that it has: kubectl api-resources{client.config.flags}",
    )
    try:
        data = await client.read(manifest.path)
    except KindNotServedError:
        raise missing from None
    try:
        found = decode_json(data, _ResourceList).resources
    except DecodeError as exc:
        raise KaitoError(f"The API server's answer for {manifest.path} is not valid: {exc}") from None
    for resource in found:
        # Names with a slash are subresources, such as `workspaces/status`.
        if resource.kind == manifest.kind and "/" not in resource.name:
            return resource
    raise missing


def _import() -> tuple[Any, Any, Any]:
    names = ("kubernetes.aio.dynamic", "kubernetes.aio.client.rest", "kubernetes.aio.client")
    dynamic, rest, models = map(import_module, names)
    return dynamic, rest, models


class _Sender:
    """Replaces the package's own HTTP client.

    Args:
        what: the object, for errors.
        response: the class of responses that the package expects.
    """

    def __init__(self, client: ApiClient, what: str, response: type[Any]) -> None:
        self._client = client
        self._what = what
        self._response = response

    async def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
        post_params: object = None,
        _request_timeout: object = None,
    ) -> Any:
        """Send a request. It raises kaito's own errors, which the package does not catch."""
        parts = URL(url, encoded=True)
        wanted = {name: value for name, value in (headers or {}).items() if name in ("Accept", "Content-Type")}
        outgoing = Outgoing(
            method=method,
            headers=wanted,
            data=None if body is None else json.dumps(body).encode(),
            explain=lambda status, answer: write_error(status, answer, self._what),
        )
        return self._response(await self._client.send(outgoing, parts.path, dict(parts.query)))

    async def close(self) -> None:
        """Do nothing: the connection belongs to the client."""


def _report_warnings(response: aiohttp.ClientResponse, reporter: Reporter) -> None:
    """Show the API server's warnings, such as of a deprecated field, as kubectl does."""
    for header in response.headers.getall("Warning", [])[:_WARNINGS]:
        # 299 - "the text"
        text = header.partition(' "')[2].removesuffix('"').replace('\\"', '"') or header
        reporter.notice(f"Warning: {one_line(text)[:_WARNING]}")
