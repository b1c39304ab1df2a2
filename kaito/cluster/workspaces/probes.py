"""Optional details of a workspace. Each is requested once, with a short time limit, and left out if that fails."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime

from msgspec import Struct

from kaito.cluster.api_client import ApiClient
from kaito.cluster.api_errors import ObjectNotFoundError
from kaito.cluster.kinds import Condition, Event, Node
from kaito.cluster.services import HTTP_PORT, POD_PORT
from kaito.cluster.workspaces.engine_metrics import EngineMetrics, parse_engine_metrics
from kaito.errors import KaitoError
from kaito.util.durations import parse_timestamp
from kaito.util.time_limits import time_limit

#: Seconds for all requests of one probe.
_PROBE_TIMEOUT = 2.0
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


class NodeReadiness(Struct, frozen=True, kw_only=True):
    """A node that a workspace runs on."""

    name: str
    #: Whether it is ready; `None` if the user may not read nodes.
    ready: bool | None = None
    #: Why it is not ready.
    why: str = ""


async def fetch_newest_event(cluster: ApiClient, pod: str, namespace: str) -> PodEvent | None:
    """Return the newest event of a pod; `None` without one or without permission."""
    selector = f"involvedObject.kind=Pod,involvedObject.name={pod}"
    try:
        async with time_limit(_PROBE_TIMEOUT):
            events = await cluster.items(f"/api/v1/namespaces/{namespace}/events", Event, fieldSelector=selector)
    except (KaitoError, TimeoutError):
        return None
    newest = max(events, key=_event_order, default=None)
    if newest is None:
        return None
    return PodEvent(type=newest.type, reason=newest.reason, message=newest.message, seen=newest.last_seen)


async def fetch_engine_metrics(cluster: ApiClient, workspace: str, namespace: str) -> EngineMetrics | None:
    """Return the metrics of a workspace's inference server; `None` when they cannot be read.

    They are read through the proxy of the Service, or that of the pod: a role may allow only one of them.
    """
    try:
        async with time_limit(_PROBE_TIMEOUT):
            for resource in (f"services/{workspace}:{HTTP_PORT.port}", f"pods/{workspace}-0:{POD_PORT}"):
                try:
                    body = await cluster.read(f"/api/v1/namespaces/{namespace}/{resource}/proxy/metrics", retries=False)
                except KaitoError:
                    continue
                return parse_engine_metrics(body)
    except TimeoutError:
        pass
    return None


async def fetch_nodes(cluster: ApiClient, names: Iterable[str]) -> tuple[NodeReadiness, ...]:
    """Return nodes with their readiness, where the user may read it."""
    return tuple(await asyncio.gather(*(_fetch_node(cluster, name) for name in names)))


async def _fetch_node(cluster: ApiClient, name: str) -> NodeReadiness:
    try:
        async with time_limit(_PROBE_TIMEOUT):
            node = await cluster.get(f"/api/v1/nodes/{name}", Node)
    except ObjectNotFoundError:
        return NodeReadiness(name=name, ready=False, why="node no longer exists")
    except (KaitoError, TimeoutError):
        return NodeReadiness(name=name)
    ready = next((one for one in node.status.conditions if one.type == "Ready"), Condition())
    if ready.status == "True":
        return NodeReadiness(name=name, ready=True)
    return NodeReadiness(name=name, ready=False, why=": ".join(filter(None, (ready.reason, ready.message))))


def _event_order(event: Event) -> tuple[datetime, int]:
    """Return the sort key of an event: timestamps have whole seconds, so the resource version decides within one."""
    version = event.metadata.resource_version
    return parse_timestamp(event.last_seen) or _LONG_AGO, int(version) if version.isdecimal() else 0
