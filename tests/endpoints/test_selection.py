"""Which endpoint `--backend auto` opens, and when."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from kaito.endpoints import selection
from kaito.endpoints.selection import discover_all, open_endpoint
from kaito.errors import ConnectError, ForbiddenError, KaitoError, NotFoundError
from kaito.plugin.discovery import Plugin
from kaito.plugin.manager import Offered, Plugins
from kaito.settings import Settings
from kaito.testing import RecordingReporter
from kaito.types import Candidate, Endpoint, Target
from tests.endpoints.virtual_time import VirtualTimeLoop

NEVER = 1000.0
AUTO = Settings(target=Target(workspace="w"))


class Backend:
    """Discovers one candidate after some seconds, or fails.

    Args:
        name: its name.
        rank: the candidate's.
        after: seconds.
        error: raised in place of a candidate.
        open_error: raised when the candidate is opened.
    """

    needs_workspace = True

    def __init__(self, name, rank, after=0.0, *, error=None, open_error=None):
        self.name = name
        self._rank = rank
        self._after = after
        self._error = error
        self._open_error = open_error

    async def discover(self, target, reporter):
        await asyncio.sleep(self._after)
        if self._error is not None:
            raise self._error
        return [Candidate(backend=self.name, url=f"http://{self.name}", rank=self._rank)]

    @asynccontextmanager
    async def open(self, candidate, reporter):
        if self._open_error is not None:
            raise self._open_error
        yield Endpoint(url=candidate.url, shown_url=candidate.url, label=candidate.backend)


class EnteredBackend(Backend):
    """A backend that takes two seconds to enter."""

    async def __aenter__(self):
        await asyncio.sleep(2.0)
        return self

    async def __aexit__(self, *error):
        pass


def offered(backends):
    return {backend.name: Offered(Plugin("p", "d", "1"), backend) for backend in backends}


def run(work):
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(work)


def opened(*backends, settings=AUTO, unreachable=()):
    """Return the backend whose endpoint is opened, and after how many seconds."""

    @asynccontextmanager
    async def connect(offered, endpoint):
        if endpoint.label in unreachable:
            raise ConnectError(endpoint.shown_url, f"{endpoint.label} does not respond")
        yield endpoint.label

    async def work():
        opening = open_endpoint(offered(backends), Plugins(print), settings, RecordingReporter(), connect)
        async with opening as label:
            return label, round(asyncio.get_running_loop().time(), 3)

    return run(work())


GRACE = selection._GRACE_PERIOD


@pytest.mark.parametrize(
    ("backends", "expected"),
    [
        # The first one is opened at once when no other is pending.
        ([Backend("a", 30, 0.1)], ("a", 0.1)),
        # A better one that comes within the grace period is preferred; one that never comes does not delay for longer.
        ([Backend("a", 30, 0.1), Backend("b", 10, 0.1 + GRACE / 2)], ("b", 0.1 + GRACE / 2)),
        ([Backend("a", 30, 0.1), Backend("b", 10, NEVER)], ("a", 0.1 + GRACE)),
        # After a slow discovery the others get the same time again, but not more than a second.
        ([Backend("a", 30, 0.5), Backend("b", 10, 0.9)], ("b", 0.9)),
        ([Backend("a", 30, 0.5), Backend("b", 10, NEVER)], ("a", 1.0)),
        ([Backend("a", 30, 3.0), Backend("b", 10, NEVER)], ("a", 4.0)),
        # The time to enter a backend does not count.
        ([EnteredBackend("a", 30, 0.1), Backend("b", 10, NEVER)], ("a", 2.1 + GRACE)),
        # A failure does not end the wait for the others.
        ([Backend("a", 30, 0.1, error=KaitoError("no")), Backend("b", 10, 5.0)], ("b", 5.0)),
        # Without a rank it is used only when it is named.
        ([Backend("a", None), Backend("b", 40, 5.0)], ("b", 5.0)),
    ],
)
def test_auto_waits_for_better_endpoints(backends, expected):
    assert opened(*backends) == (expected[0], round(expected[1], 3))


def test_the_next_one_is_opened_when_the_best_one_fails():
    broken = Backend("a", 10, open_error=KaitoError("broken"))
    assert opened(broken, Backend("b", 20), Backend("c", 30), unreachable=["b"])[0] == "c"


def test_a_named_backend_needs_no_rank_and_reports_its_own_error():
    named = Settings(target=Target(workspace="w"), backend="a")
    assert opened(Backend("a", None), settings=named) == ("a", 0.0)
    with pytest.raises(KaitoError, match=r"^no$"):
        opened(Backend("a", 10, error=KaitoError("no")), settings=named)


def failure(*backends, **more):
    with pytest.raises(KaitoError) as caught:
        opened(*backends, **more)
    return caught.value


def test_the_error_lists_what_was_tried():
    error = failure(
        Backend("a", 10, error=KaitoError("no", "do this")),
        Backend("b", 20, error=KaitoError("no", "do this")),
        Backend("c", None),
        Backend("d", 30),
        unreachable=["d"],
    )
    assert isinstance(error, ConnectError)
    assert error.endpoint == "http://d"
    assert error.details == (
        "a, b: no",
        "  do this",
        "d: d does not respond",
        "c: http://c is used only with --backend c",
        "To connect to any OpenAI-compatible server directly, use --endpoint URL",
    )


def test_a_backend_for_no_workspace_was_no_route_to_one():
    local = Backend("local", None)
    local.needs_workspace = False
    forbidden = ForbiddenError("no permission")
    error = failure(Backend("a", 10, error=forbidden), Backend("b", 20, error=ForbiddenError("nor here")), local)
    assert isinstance(error, ForbiddenError)
    assert error.hints[:-1] == ("a: no permission", "b: nor here")
    error = failure(Backend("a", 10, error=KaitoError("no")), local)
    assert error.details[:-1] == ("a: no",)
    failed = [Backend("a", 10, error=KaitoError("no")), Backend("b", 20, error=KaitoError("nor here"))]
    error = failure(*failed, local, settings=Settings())
    assert error.details[:-1] == ("a: no", "b: nor here", "local: http://local is used only with --backend local")


def test_an_error_of_the_target_is_shown_alone():
    missing = NotFoundError("Workspace 'w' not found")
    assert failure(Backend("a", 10, error=missing), Backend("b", 20, error=KaitoError("no"))) is missing
    assert failure(Backend("a", 10, error=missing), Backend("b", 20, error=NotFoundError(missing.message))).lines() == [
        "❌ Error: Workspace 'w' not found"
    ]


def test_an_error_of_the_target_does_not_hide_an_endpoint_that_does_not_respond():
    missing = NotFoundError("Workspace 'w' not found")
    error = failure(Backend("a", 10, error=missing), Backend("d", 5), unreachable=["d"])
    assert isinstance(error, ConnectError)
    assert error.endpoint == "http://d"
    assert error.details[:2] == ("a: Workspace 'w' not found", "d: d does not respond")


def test_every_backend_is_forbidden():
    error = failure(Backend("a", 10, error=ForbiddenError("no a")), Backend("b", 20, error=ForbiddenError("no b")))
    assert error.message == "No backend is allowed to reach the workspace's endpoint"
    assert error.hints[:2] == ("a: no a", "b: no b")


def test_verbose_reports_each_step():
    reporter = RecordingReporter()
    settings = Settings(target=Target(workspace="w"), verbose=True)
    backends = [Backend("a", 10, error=KaitoError("no")), Backend("b", 20, 0.1), Backend("c", 30, NEVER)]

    @asynccontextmanager
    async def connect(offered, endpoint):
        yield endpoint.label

    async def work():
        async with open_endpoint(offered(backends), Plugins(print), settings, reporter, connect):
            pass

    run(work())
    assert [notice.partition(" (")[0] for notice in reporter.notices] == [
        "a: failed: no",
        "b: http://b",
        "b: opened http://b",
        "c: cancelled, another endpoint is used",
    ]


def test_discover_all_returns_candidates_and_errors():
    error = KaitoError("no")
    backends = [Backend("a", None), Backend("b", 20, 5.0), Backend("c", 10), Backend("d", 5, error=error)]
    candidates, errors = run(discover_all(offered(backends), Plugins(print), AUTO, RecordingReporter()))
    assert [candidate.backend for candidate in candidates] == ["c", "b", "a"]
    assert errors == [("d", error)]
