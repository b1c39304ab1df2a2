"""Watching a list across disconnects, and the notices about them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from aiohttp import web

from kaito.cluster.api_errors import KindNotServedError
from kaito.cluster.kinds import Pod
from kaito.cluster.watch import ConnectionMonitor, watch
from kaito.errors import ClusterError, KaitoError
from tests.cluster.api_server import PODS, api_server, hang_up, pod


def test_watch_continues_after_a_lost_connection_an_expired_version_and_a_normal_end(kubeconfig, reporter, monkeypatch):
    monkeypatch.setattr("kaito.cluster.api_retry._BACKOFF", 0.001)
    monkeypatch.setattr("kaito.cluster.watch._DELAY", 0.001)
    lists, watches, versions = 0, 0, []

    async def run() -> None:
        async def handler(request: web.Request) -> web.StreamResponse:
            nonlocal lists, watches
            if "watch" not in request.query:
                lists += 1
                if lists == 2:
                    return web.Response(status=503, text="starting")
                items = [pod(name) for name in "abc"[:lists]]
                return web.json_response({"metadata": {"resourceVersion": str(lists * 10)}, "items": items})
            watches += 1
            versions.append(request.query["resourceVersion"])
            response = web.StreamResponse()
            await response.prepare(request)

            async def send(kind: str, item: dict[str, Any]) -> None:
                line = json.dumps({"type": kind, "object": item}).encode() + b"\n"
                await response.write(line[:7])
                await response.write(line[7:])

            if watches == 1:
                await send("ADDED", pod("z", "11"))
                await send("BOOKMARK", {"metadata": {"resourceVersion": "15"}})
            elif watches == 2:
                await send("ERROR", {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"})
            elif watches == 3:
                await send("DELETED", pod("a", "31"))
                hang_up(request)
            else:
                await asyncio.sleep(60)
            return response

        lost: list[KaitoError] = []
        seen: list[list[str]] = []
        async with api_server(kubeconfig, reporter, handler) as cluster:
            snapshots = watch(cluster, PODS, Pod, on_disconnect=lost.append)
            async for objects in snapshots:
                seen.append(sorted(key.partition("/")[2] for key in objects))
                if len(seen) == 5:
                    break
            await snapshots.aclose()
        assert seen == [["a"], ["a", "z"], ["a", "b", "c"], ["b", "c"], ["a", "b", "c"]]
        assert versions[:3] == ["10", "15", "30"]
        assert lost == []  # one retry mended each failure

    asyncio.run(run())


def test_failure_of_the_first_list_is_raised(kubeconfig, reporter):
    async def run() -> None:
        async def handler(request: web.Request) -> web.Response:
            return web.Response(status=404, text="404 page not found")

        async with api_server(kubeconfig, reporter, handler) as cluster:
            with pytest.raises(KindNotServedError):
                await anext(watch(cluster, PODS, Pod))

    asyncio.run(run())


def test_monitor_reports_each_outage_once():
    notices: list[str] = []
    monitor = ConnectionMonitor(notices.append)
    for _ in range(2):
        monitor.connected()
        monitor.disconnected(ClusterError("down"))
        monitor.disconnected(ClusterError("still down"))
        monitor.connected()
    assert (
        notices
        == [
            "Lost the connection to the API server, reconnecting: down",
            "Reconnected to the API server",
        ]
        * 2
    )
