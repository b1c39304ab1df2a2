"""What is good to know of a workspace, but not needed: asked for once, briefly, and silent when there is no answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from kaito.cluster.api_client import ApiClient, Object
from kaito.cluster.api_errors import Missing
from kaito.cluster.workspaces.engine_metrics import Engine, read_engine
from kaito.errors import KaitoError
from kaito.util.durations import read_time

#: Seconds that all of one probe may take.
_PATIENCE = 2.0
#: Where the inference server listens in its pod.
_POD_PORT = 5000
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class PodEvent(Struct, frozen=True, kw_only=True):
    """Something that happened to a pod."""

    #: `Normal` or `Warning`.
    type: str
    reason: str
    message: str
    #: When it was seen last, as it was sent.
    seen: str

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}" if self.message else self.reason


class Node(Struct, frozen=True, kw_only=True):
    """A node that a workspace runs on."""

    name: str
    #: `None` when nodes may not be read.
    ready: bool | None = None
    #: Why it is not ready.
    why: str = ""


async def newest_event(cluster: ApiClient, pod: str, namespace: str) -> PodEvent | None:
    """Return the newest event of a pod, if there is one and it may be read."""
    selector = f"involvedObject.kind=Pod,involvedObject.name={pod}"
    try:
        async with asyncio.timeout(_PATIENCE):
            items = await cluster.items(f"/api/v1/namespaces/{namespace}/events", fieldSelector=selector)
    except (KaitoError, TimeoutError):
        return None
    newest = max(items, key=_happened, default=None)
    if newest is None:
        return None
    return PodEvent(
        type=str(newest.get("type") or ""),
        reason=str(newest.get("reason") or ""),
        message=str(newest.get("message") or ""),
        seen=_seen(newest),
    )


async def probe_engine(cluster: ApiClient, workspace: str, namespace: str) -> Engine | None:
    """Return what a workspace's inference server says of itself, if it answers and may be asked.

    By the Service's proxy or by the pod's: a role may grant either.
    """
    ways = (f"services/{workspace}:80", f"pods/{workspace}-0:{_POD_PORT}")
    try:
        async with asyncio.timeout(_PATIENCE):
            for way in ways:
                try:
                    body = await cluster.read(f"/api/v1/namespaces/{namespace}/{way}/proxy/metrics", attempts=1)
                except KaitoError:
                    continue
                return read_engine(body)
    except TimeoutError:
        pass
    return None


async def probe_nodes(cluster: ApiClient, names: Iterable[str]) -> tuple[Node, ...]:
    """Return nodes with their readiness, as far as they may be read."""
    return tuple(await asyncio.gather(*(_probe_node(cluster, name) for name in names)))


async def _probe_node(cluster: ApiClient, name: str) -> Node:
    try:
        async with asyncio.timeout(_PATIENCE):
            item = await cluster.get(f"/api/v1/nodes/{name}")
    except Missing:
        return Node(name=name, ready=False, why="there is no such node any more")
    except (KaitoError, TimeoutError):
        return Node(name=name)
    conditions = (item.get("status") or {}).get("conditions") or ()
    ready: dict[str, Any] = next((one for one in conditions if one.get("type") == "Ready"), {})
    if ready.get("status") == "True":
        return Node(name=name, ready=True)
    told = (str(ready[key]) for key in ("reason", "message") if ready.get(key))
    return Node(name=name, ready=False, why=": ".join(told))


def _seen(event: Object) -> str:
    """Return when an event was seen last; older and newer ways of recording say it at different places."""
    series = event.get("series") or {}
    metadata = event.get("metadata") or {}
    times = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    return str(next(filter(None, times), None) or metadata.get("creationTimestamp") or "")


def _happened(event: Object) -> tuple[datetime, int]:
    """Return an order of events; those of one second are told apart by their versions."""
    version = str((event.get("metadata") or {}).get("resourceVersion") or "")
    return read_time(_seen(event)) or _LONG_AGO, int(version) if version.isdecimal() else 0
