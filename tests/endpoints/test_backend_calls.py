"""A backend that hangs or fails: it is named, and holds up nothing for long."""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager
from typing import Any

import pytest

from kaito.endpoints import backend_calls
from kaito.endpoints.selection import open_endpoint
from kaito.errors import ConnectError, PluginError
from kaito.plugin.discovery import Plugin
from kaito.plugin.manager import Offered, Plugins
from kaito.settings import Settings
from kaito.testing import RecordingReporter
from kaito.types import Candidate, Endpoint, Target
from tests.endpoints.virtual_time import VirtualTimeLoop

NAMED = Settings(target=Target(workspace="w"), backend="slow")
AUTO = Settings(target=Target(workspace="w"))
LIMIT = backend_calls._SILENCE_LIMIT


async def nothing(reporter):
    pass


async def forever(reporter):
    await asyncio.Event().wait()


class Slow:
    """A backend whose steps are a test's."""

    needs_workspace = True

    def __init__(self, *, discover=nothing, opening=nothing, closing=nothing, name="slow", rank=10):
        self.name, self.rank = name, rank
        self._discover, self._opening, self._closing = discover, opening, closing

    async def discover(self, target, reporter):
        await self._discover(reporter)
        return [Candidate(backend=self.name, url=f"http://{self.name}", rank=self.rank)]

    @asynccontextmanager
    async def open(self, candidate, reporter):
        await self._opening(reporter)
        try:
            yield Endpoint(url=candidate.url, shown_url=candidate.url, label=candidate.backend)
        finally:
            await self._closing(reporter)


class SlowToEnter(Slow):
    async def __aenter__(self):
        await asyncio.Event().wait()

    async def __aexit__(self, *error):
        pass


def use(*backends, settings=NAMED):
    """Open the best endpoint; return the reporter, the backend that was used, and the seconds that it took."""
    reporter = RecordingReporter()

    @asynccontextmanager
    async def connect(offered, endpoint):
        yield endpoint.label

    async def work():
        offered = {one.name: Offered(Plugin("p", "d", "1"), one) for one in backends}
        async with open_endpoint(offered, Plugins(print), settings, reporter, connect) as label:
            opened = asyncio.get_running_loop().time()
        return label, opened, asyncio.get_running_loop().time()

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return reporter, *runner.run(asyncio.wait_for(work(), 2000))


@pytest.mark.parametrize(
    ("backend", "message"),
    [
        (Slow(discover=forever), f"Backend 'slow' found no endpoint within {LIMIT:g} s"),
        (Slow(opening=forever), f"Backend 'slow' did not open its endpoint within {LIMIT:g} s"),
        (SlowToEnter(), f"Backend 'slow' did not start within {LIMIT:g} s"),
    ],
)
def test_a_named_backend_that_hangs(backend, message):
    with pytest.raises(ConnectError) as caught:
        use(backend)
    assert caught.value.details[0] == message
    assert caught.value.hints[-1] == "To try all backends: --backend auto"


@pytest.mark.parametrize("slow", [Slow(opening=forever), SlowToEnter()])
def test_another_backend_is_used_in_place_of_one_that_hangs(slow):
    _, label, opened, _ = use(slow, Slow(name="good", rank=20), settings=AUTO)
    assert label == "good"
    assert opened == pytest.approx(LIMIT, abs=1)


def test_an_endpoint_that_does_not_close():
    reporter, label, opened, closed = use(Slow(closing=forever))
    assert (label, opened) == ("slow", 0.0)
    assert closed == backend_calls._CLOSE_LIMIT
    assert reporter.notices == ["Backend 'slow' did not close within 5 s"]


@pytest.mark.parametrize("report", ["status", "notice", "retrying"])
def test_a_backend_that_reports_its_progress_may_take_its_time(report):
    async def downloading(reporter):
        for _ in range(10):
            getattr(reporter, report)(*(("downloading",) if report != "retrying" else ("busy", 1.0)))
            await asyncio.sleep(LIMIT - 1)

    _, label, opened, _ = use(Slow(opening=downloading))
    assert label == "slow"
    assert opened == 10 * (LIMIT - 1)


def test_a_report_of_one_backend_counts_for_all_as_they_may_share_its_work():
    ready = asyncio.Event()

    async def working(reporter):
        for _ in range(3):
            reporter.status("waiting for the workspace")
            await asyncio.sleep(LIMIT - 1)
        ready.set()

    async def sharing(reporter):
        await ready.wait()

    _, label, _, _ = use(Slow(discover=working, rank=30), Slow(discover=sharing, name="b"), settings=AUTO)
    assert label == "b"


def test_a_report_from_another_thread_counts():
    async def working(reporter):
        await asyncio.sleep(LIMIT - 1)
        thread = threading.Thread(target=reporter.status, args=("loading",))
        thread.start()
        thread.join()
        await asyncio.sleep(2)

    assert use(Slow(opening=working))[1] == "slow"


def test_a_timeout_of_the_backend_is_its_own():
    async def fails(reporter):
        raise TimeoutError("the model took too long")

    for backend in (Slow(discover=fails), Slow(opening=fails)):
        with pytest.raises(PluginError, match="TimeoutError: the model took too long"):
            use(backend)


def test_a_longer_request_timeout_is_respected():
    async def waiting(reporter):
        await asyncio.sleep(100)

    patient = Settings(target=Target(workspace="w", request_timeout=100.0), backend="slow")
    assert use(Slow(discover=waiting), settings=patient)[1] == "slow"


def test_a_failure_to_close_does_not_hide_why_the_endpoint_is_left():
    async def fails(reporter):
        raise AttributeError("'NoneType' object has no attribute 'close'")

    reporter = RecordingReporter()

    @asynccontextmanager
    async def connect(offered, endpoint):
        if endpoint.label == "slow":
            raise ConnectError(endpoint.shown_url, "it does not respond")
        yield endpoint.label

    async def work():
        backends = (Slow(closing=fails), Slow(name="good", rank=20))
        offered: Any = {one.name: Offered(Plugin("p", "d", "1"), one) for one in backends}
        async with open_endpoint(offered, Plugins(print), AUTO, reporter, connect) as label:
            return label

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        assert runner.run(work()) == "good"
    assert reporter.notices == [
        "Plugin 'p' (d 1) failed in closing its endpoint: AttributeError: 'NoneType' object has no attribute 'close'"
    ]
