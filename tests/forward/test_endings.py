"""What ends `kaito forward`, and what does not."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from kaito.errors import KaitoError
from kaito.forward import upstreams as upstreams_module
from kaito.forward.listener import Listener
from kaito.forward.server import serve
from kaito.forward.upstreams import Upstreams
from kaito.plugin.manager import create_plugins
from kaito.settings import Settings
from kaito.testing import RecordingReporter
from kaito.types import Target


def test_a_port_that_accepts_no_more_connections_ends_it(model_server, monkeypatch):
    urls = []

    async def accept(self, protocol, reporter):
        raise RuntimeError("no")

    monkeypatch.setattr(Listener, "accept", accept)

    async def run():
        settings = Settings(target=Target(endpoint=model_server.url))
        async with asyncio.timeout(60):
            await serve(
                create_plugins(warn=print),
                settings,
                RecordingReporter(),
                address="127.0.0.1",
                port=0,
                origins=(),
                ready=lambda url, name, backend: urls.append(url),
            )

    with pytest.raises(KaitoError, match="accepts no more connections"):
        asyncio.run(run())
    assert len(urls) == 1


def test_a_replica_is_retried_whatever_ends_it(monkeypatch):
    monkeypatch.setattr(upstreams_module, "_RETRY_DELAY", 0)
    reporter = RecordingReporter()

    async def run():
        upstreams = Upstreams(create_plugins(warn=print), Settings(), reporter)
        failures = [RuntimeError("bad luck"), RuntimeError("bad luck"), ValueError(), KaitoError("gone", "Wait")]

        async def open_upstream(stack, settings):
            if failures:
                raise failures.pop(0)

        monkeypatch.setattr(upstreams, "_open", open_upstream)
        first = asyncio.get_running_loop().create_future()
        first.add_done_callback(lambda done: done.exception())
        task = asyncio.create_task(upstreams._keep_open("a", first))
        async with asyncio.timeout(60):
            while len(reporter.notices) < 4:
                assert not task.done()
                await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(run())
    assert reporter.notices == [
        "Replica a cannot be reached: bad luck",
        "Replica a cannot be reached: no reason given",
        "Replica a cannot be reached: gone Wait",
        "Replica a is ready",
    ]


def test_a_replica_that_comes_back_is_tried_before_none_can_be_reached(monkeypatch):
    monkeypatch.setattr(upstreams_module, "_RETRY_DELAY", 0)
    reporter = RecordingReporter()

    async def run():
        settings = Settings(target=Target(workspace="set", kind="inferenceset"))
        upstreams = Upstreams(create_plugins(warn=print), settings, reporter)
        ready, outcomes = asyncio.Queue(), {name: asyncio.Queue() for name in "ab"}
        cluster: Any = None

        async def nothing(*_):
            return ""

        async def watch(*_, **__):
            while True:
                yield {name: name for name in await ready.get()}

        async def open_upstream(stack, settings):
            if (error := await outcomes[settings.target.workspace].get()) is not None:
                raise error

        async def seen(notice):
            while notice not in reporter.notices:
                await asyncio.sleep(0)

        monkeypatch.setattr(upstreams_module, "get_inference_set", nothing)
        monkeypatch.setattr(upstreams_module, "served_list_path", nothing)
        monkeypatch.setattr(upstreams_module, "watch", watch)
        monkeypatch.setattr(upstreams_module, "parse_workspace", lambda name: SimpleNamespace(name=name, ready=True))
        monkeypatch.setattr(upstreams, "_open", open_upstream)
        first = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(upstreams._watch_replicas(cluster, "set", first))
        async with asyncio.timeout(60):
            ready.put_nowait("ab")
            outcomes["a"].put_nowait(KaitoError("gone"))
            await seen("Replica a cannot be reached: gone")
            ready.put_nowait("b")
            await seen("Replica a is no longer ready")
            ready.put_nowait("ab")
            while "a" not in upstreams._replicas:
                await asyncio.sleep(0)
            outcomes["b"].put_nowait(KaitoError("gone"))
            await seen("Replica b cannot be reached: gone")
            outcomes["a"].put_nowait(None)
            await first
        task.cancel()
        await asyncio.wait([task])
        await upstreams._close_replicas()

    asyncio.run(run())
    assert reporter.notices[-1] == "Replica a is ready"
