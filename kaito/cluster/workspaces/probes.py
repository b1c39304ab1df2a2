"""Optional details of a workspace: each is requested once, with a short timeout, and left out when that fails."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from kaito.cluster.api_client import ApiClient, Object
from kaito.cluster.api_errors import ObjectNotFoundError
from kaito.cluster.workspaces.engine_metrics import EngineMetrics, parse_engine_metrics
from kaito.errors import KaitoError
from kaito.util.durations import parse_timestamp

#: Seconds for all requests of one probe.
_PROBE_TIMEOUT = 2.0
#: The port of the inference server in its pod.
_POD_PORT = 5000
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class PodEvent(Struct, frozen=True, kw_only=True):
    """A Kubernetes event of a pod."""

    #: `Normal` or `Warning`.
    type: str
    reason: str
    message: str
    #: When it was last seen, as the API server sent it.
    seen: str

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}" if self.message else self.reason


class Node(Struct, frozen=True, kw_only=True):
    """A node that a workspace runs on."""

    name: str
    #: `None` when the user may not read nodes.
    ready: bool | None = None
    #: Why it is not ready.
    why: str = ""


async def fetch_newest_event(cluster: ApiClient, pod: str, namespace: str) -> PodEvent | None:
    """Return the newest event of a pod; `None` without one or without permission."""
    selector = f"involvedObject.kind=Pod,involvedObject.name={pod}"
    try:
        async with asyncio.timeout(_PROBE_TIMEOUT):
            items = await cluster.items(f"/api/v1/namespaces/{namespace}/events", fieldSelector=selector)
    except (KaitoError, TimeoutError):
        return None
    newest = max(items, key=_event_order, default=None)
    if newest is None:
        return None
    return PodEvent(
        type=str(newest.get("type") or ""),
        reason=str(newest.get("reason") or ""),
        message=str(newest.get("message") or ""),
        seen=_last_seen(newest),
    )


async def fetch_engine_metrics(cluster: ApiClient, workspace: str, namespace: str) -> EngineMetrics | None:
    """Return the metrics of a workspace's inference server; `None` when they cannot be read.

    They are read through the proxy of the Service, or that of the pod: a role may allow only one of them.
    """
    try:
        async with asyncio.timeout(_PROBE_TIMEOUT):
            for resource in (f"services/{workspace}:80", f"pods/{workspace}-0:{_POD_PORT}"):
                try:
                    body = await cluster.read(f"/api/v1/namespaces/{namespace}/{resource}/proxy/metrics", attempts=1)
                except KaitoError:
                    continue
                return parse_engine_metrics(body)
    except TimeoutError:
        pass
    return None


async def fetch_nodes(cluster: ApiClient, names: Iterable[str]) -> tuple[Node, ...]:
    """Return nodes with their readiness, where the user may read it."""
    return tuple(await asyncio.gather(*(_fetch_node(cluster, name) for name in names)))


async def _fetch_node(cluster: ApiClient, name: str) -> Node:
    try:
        async with asyncio.timeout(_PROBE_TIMEOUT):
            item = await cluster.get(f"/api/v1/nodes/{name}")
    except ObjectNotFoundError:
        return Node(name=name, ready=False, why="node no longer exists")
    except (KaitoError, TimeoutError):
        return Node(name=name)
    conditions = (item.get("status") or {}).get("conditions") or ()
    ready: dict[str, Any] = next((one for one in conditions if one.get("type") == "Ready"), {})
    if ready.get("status") == "True":
        return Node(name=name, ready=True)
    return Node(
        name=name, ready=False, why=": ".join(str(ready[key]) for key in ("reason", "message") if ready.get(key))
    )


def _last_seen(event: Object) -> str:
    """Return when an event was last seen; the field depends on the version of the events API."""
    series = event.get("series") or {}
    metadata = event.get("metadata") or {}
    times = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    return str(next(filter(None, times), None) or metadata.get("creationTimestamp") or "")


def _event_order(event: Object) -> tuple[datetime, int]:
    """Return the sort key of an event: timestamps have whole seconds, so the resource version decides within one."""
    version = str((event.get("metadata") or {}).get("resourceVersion") or "")
    return parse_timestamp(_last_seen(event)) or _LONG_AGO, int(version) if version.isdecimal() else 0
