"""Watches a list of objects across disconnects, and reports when the API server becomes unreachable."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from kaito.cluster.api_client import ApiClient
from kaito.cluster.api_errors import ApiUnavailableError, VersionExpiredError
from kaito.cluster.kinds import Kind
from kaito.cluster.object_decoder import WatchEvent
from kaito.errors import ClusterError, ForbiddenError, KaitoError, NotFoundError
from kaito.util import limits

#: Seconds before a watch is opened again, and the longest delay while the API server is unreachable.
_DELAY = 0.25
_MAX_DELAY = 5.0
#: Which failure in a row is reported. The first is not: the connection may be restored at once.
_REPORTED_FAILURE = 2
#: How often in a row a list may expire before its last page has arrived.
_MOST_EXPIRED = 5
#: The longest delay that the API server may ask for.
_MAX_REQUESTED_DELAY = 60.0
#: For how many seconds after an outage errors are retried: a starting API server lacks some roles and definitions.
_STARTUP = 20.0


async def watch(
    cluster: ApiClient,
    path: str,
    kind: type[Kind],
    *,
    on_disconnect: Callable[[KaitoError], None] | None = None,
    **params: str,
) -> AsyncGenerator[dict[str, Kind], None]:
    """Yield the objects of a list by `namespace/name`: all at first, and all again after each change.

    It never ends by itself: a watch that ends or expires is opened again. An object that is not valid is left out.

    Args:
        on_disconnect: called once per outage that one retry does not end. Without it, an outage is an error.
        **params: the query, such as `fieldSelector`.

    Raises:
        KaitoError: the first list fails, or a later one fails permanently.
    """
    delay, listed, failures, expired, outage = _DELAY, False, 0, 0, -math.inf
    while True:
        try:
            # Once it has been listed, the retries are those below.
            items, version = await cluster.snapshot(path, kind, params, retries=not listed or on_disconnect is None)
            objects = {item.key: item for item in items}
            listed, expired, outage = True, 0, -math.inf
            yield objects
            while True:
                query = {**params, "resourceVersion": version}
                events = cluster.events(path, kind, query, retries=on_disconnect is None)
                async with aclosing(events):
                    async for event in events:
                        version = event.version or version
                        delay, failures = _DELAY, 0
                        if event.type != "BOOKMARK":
                            _apply(event, objects)
                            yield objects
                delay, failures = _DELAY, 0
                await asyncio.sleep(_DELAY)
        except VersionExpiredError:
            # The list is read again, unless it was the list that expired.
            if not listed or expired >= _MOST_EXPIRED:
                raise
            expired += 1
            await asyncio.sleep(_DELAY * 2**expired)
        except ClusterError as exc:
            if not listed or on_disconnect is None:
                raise
            failures += 1
            if failures == _REPORTED_FAILURE:
                on_disconnect(exc)
            outage = time.monotonic()
            requested = exc.retry_after if isinstance(exc, ApiUnavailableError) else None
            await asyncio.sleep(max(delay * random.uniform(0.5, 1), min(requested or 0.0, _MAX_REQUESTED_DELAY)))
            delay = min(delay * 2, _MAX_DELAY)
        except (ForbiddenError, NotFoundError):
            if time.monotonic() - outage > _STARTUP:
                raise
            await asyncio.sleep(_DELAY)


def _apply(event: WatchEvent[Kind], objects: dict[str, Kind]) -> None:
    """Apply an event to the objects. An object that is no longer valid is removed."""
    if event.item is not None and event.type != "DELETED":
        objects[event.item.key] = event.item
        if len(objects) > limits.API_LIST_ITEMS:
            raise ClusterError(
                f"The API server's watch of {event.item.kind}s does not end: {len(objects)} objects so far"
            )
    elif (item := event.item or event.malformed) is not None:
        objects.pop(item.key, None)


class ConnectionMonitor:
    """Reports once when the API server becomes unreachable and once when it recovers, for any number of watches.

    The watches are told apart by keys.
    """

    def __init__(self, notice: Callable[[str], None]) -> None:
        self._notice = notice
        self._disconnected: set[object] = set()

    def disconnected(self, exc: KaitoError, watch: object = None) -> None:
        if not self._disconnected:
            self._notice(f"Lost the connection to the API server, reconnecting: {exc.message}")
        self._disconnected.add(watch)

    def connected(self, watch: object = None) -> None:
        if watch in self._disconnected:
            self._disconnected.remove(watch)
            if not self._disconnected:
                self._notice("Reconnected to the API server")
