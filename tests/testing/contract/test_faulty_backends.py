"""The suite finds every fault that a backend can have, and says what is wrong."""

import asyncio
import gc
import re
import socket
import subprocess
import sys
import threading
import time
from contextlib import asynccontextmanager, suppress

import aiohttp
import pytest

from kaito.errors import ConnectError, UsageError
from kaito.hookspecs import Backend
from kaito.testing.contract import (
    BackendContract,
    backend_run,
    cancellation,
    loop_monitor,
    process_state,
    strict_reporter,
)
from kaito.testing.contract.backend_run import _is_lost_connection
from kaito.types import Candidate, Endpoint


class Good(Backend):
    """Opens a relay to the server; every fault below is a change of it."""

    name = "good"
    needs_workspace = False

    def __init__(self, port, *, hanging=False):
        self.port = port
        self.hanging = hanging
        self.tasks = set()

    async def discover(self, target, reporter):
        await self.probe(reporter)
        return [Candidate(backend=self.name, url=f"port {self.port}", rank=10)]

    async def probe(self, reporter):
        reporter.status("probing")
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError as exc:
            raise ConnectError(f"http://127.0.0.1:{self.port}", f"the port is closed: {exc.strerror}") from None
        try:
            await (asyncio.sleep(60) if self.hanging else asyncio.sleep(0))
        finally:
            writer.close()

    @asynccontextmanager
    async def open(self, candidate, reporter):
        reporter.status("opening")
        listener = socket.create_server(("127.0.0.1", 0))
        server = await asyncio.start_server(self.relay, sock=listener, start_serving=False)
        try:
            await server.start_serving()
            yield self.endpoint(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        finally:
            await self.close(server)

    def endpoint(self, url):
        return Endpoint(url=url, shown_url=f"{url}/chat/completions", label="good", proxied=False)

    async def close(self, server):
        server.close()
        for task in self.tasks:
            task.cancel()
        if self.tasks:
            await asyncio.wait(self.tasks)

    async def relay(self, reader, writer):
        task: asyncio.Task[None] = asyncio.current_task()  # type: ignore[assignment]
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        there, back = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            ways = [asyncio.create_task(copy(reader, back)), asyncio.create_task(copy(there, writer))]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        except asyncio.CancelledError:
            pass  # a server's task that is cancelled is reported as a failure
        finally:
            for end in (writer, back):
                end.transport.abort()


async def copy(reader, writer):
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)


TESTS = sorted(name for name in vars(BackendContract) if name.startswith("test_"))
FAULTS = {}
#: What faulty backends leave, for the tests to clean up.
LEFT = []


#: What the tests need not wait for.
LIMITS = {
    "blocked": (loop_monitor, "BLOCKED_LIMIT", 0.2),
    "cancel": (cancellation, "CANCEL_LIMIT", 0.3),
    "close": (backend_run, "CLOSE_LIMIT", 0.3),
    "settling": (process_state, "SETTLING", 0.2),
    "silence": (strict_reporter, "SILENCE_LIMIT", 0.3),
}


def fault(test, message, limit=None):
    """Register a class whose fault a test finds, with one of the limits."""

    def register(kind):
        assert test in TESTS
        FAULTS[kind.__name__] = (kind, test, message, limit)
        return kind

    return register


@fault("test_kaito_offers_it", "kaito does not offer it: .*'' is not a valid name")
class Nameless(Good):
    name = ""


@fault("test_kaito_offers_it", "kaito does not offer it: .*'good' lacks open")
class WithoutOpen:
    name = "good"

    def __init__(self, port, **more): ...

    async def discover(self, target, reporter):
        return []


@fault("test_kaito_offers_it", "needs_workspace must be True or False, not 'no'")
class Unclear(Good):
    needs_workspace = "no"  # type: ignore[assignment]


@fault(
    "test_making_it_does_nothing",
    r"making a backend must not open or start anything: there is an open socket \(",
    "settling",
)
class OpensAtOnce(Good):
    def __init__(self, port, **more):
        super().__init__(port, **more)
        LEFT.append(socket.create_connection(("127.0.0.1", port)))


@fault("test_discover_leaves_nothing_open", "discover must return a candidate for Target")
class FindsNothing(Good):
    async def discover(self, target, reporter):
        return []


@fault("test_discover_leaves_nothing_open", "discover must return candidates, not 'http://x'")
class FindsText(Good):
    async def discover(self, target, reporter):
        return ["http://x"]


@fault("test_discover_leaves_nothing_open", "the candidate's backend must be 'good', not 'other'")
class FindsForOthers(Good):
    async def discover(self, target, reporter):
        return [Candidate(backend="other", url="x")]


@fault("test_discover_leaves_nothing_open", "the candidate's rank must be a whole number or None, not 'first'")
class RanksByWords(Good):
    async def discover(self, target, reporter):
        return [Candidate(backend="good", url="x", rank="first")]  # type: ignore[arg-type]


@fault("test_discover_leaves_nothing_open", "discover must leave nothing open: there is an open socket", "settling")
class KeepsItsProbe(Good):
    async def probe(self, reporter):
        self.kept = await asyncio.open_connection("127.0.0.1", self.port)


@fault("test_discover_leaves_nothing_open", "discover must leave nothing open: there is the task 'watch'", "settling")
class KeepsWatching(Good):
    async def probe(self, reporter):
        self.watch = asyncio.create_task(asyncio.sleep(60), name="watch")


@fault("test_kaito_chats_through_it", "ConnectError: Unable to connect")
class OpensTheWrongPort(Good):
    def endpoint(self, url):
        return super().endpoint("http://127.0.0.1:1")


@fault("test_kaito_chats_through_it", "failed in open: TypeError: open must return an asynchronous context manager")
class OpensWithoutContext(Good):
    async def open(self, candidate, reporter):  # type: ignore[override]
        return self.endpoint("http://127.0.0.1")


@fault("test_kaito_chats_through_it", "must not write to stdout or stderr by itself, and wrote 'opening")
class Prints(Good):
    def endpoint(self, url):
        print("opening", url)  # noqa: T201 that is the fault
        return super().endpoint(url)


@fault("test_kaito_chats_through_it", "wrote 'from a child")
class HasATalkativeChild(Good):
    async def probe(self, reporter):
        child = await asyncio.create_subprocess_exec("echo", "from a child")
        await child.wait()


@fault("test_kaito_chats_through_it", "status takes text, not 5")
class ReportsNumbers(Good):
    async def probe(self, reporter):
        reporter.status(5)


@fault(
    "test_kaito_chats_through_it",
    r"must not block the event loop for more than 0.2 s, as it did in .*time\.sleep",
    "blocked",
)
class Blocks(Good):
    async def probe(self, reporter):
        time.sleep(2)


@fault("test_kaito_chats_through_it", r"must not block the event loop .*subprocess\.run", "blocked")
class WaitsForAProgram(Good):
    async def probe(self, reporter):
        subprocess.run(["sleep", "2"], capture_output=True, check=True)


@fault("test_kaito_chats_through_it", "the event loop reports: Task exception was never retrieved .*lost")
class LosesAFailure(Good):
    async def probe(self, reporter):
        async def fail():
            raise ValueError("lost")

        asyncio.create_task(fail()).add_done_callback(lambda task: None)
        await asyncio.sleep(0)


@fault("test_it_closes_unused", "open must yield an Endpoint, not 'http://")
class YieldsText(Good):
    def endpoint(self, url):
        return url


@fault("test_it_closes_unused", "the endpoint's url must be http or https, not 'localhost:8000'")
class YieldsAnAddress(Good):
    def endpoint(self, url):
        return super().endpoint("localhost:8000")


@fault("test_it_closes_unused", "discover must report what it does at least every 0.3 s", "silence")
class IsSilent(Good):
    async def probe(self, reporter):
        await asyncio.sleep(30)


@fault("test_it_closes_unused", "an endpoint must close within 0.3 s", "close")
class ClosesSlowly(Good):
    async def close(self, server):
        await super().close(server)
        await asyncio.sleep(30)


@fault("test_it_closes_unused", "must close everything that was opened for it: there is the task 'watch'", "settling")
class ForgetsATask(Good):
    async def close(self, server):
        await super().close(server)
        self.watch = asyncio.create_task(asyncio.sleep(60), name="watch")


@fault("test_it_closes_unused", "the thread 'pump'", "settling")
class ForgetsAThread(Good):
    async def close(self, server):
        await super().close(server)
        stop = threading.Event()
        threading.Thread(target=stop.wait, name="pump", daemon=True).start()
        LEFT.append(stop)


@fault("test_it_closes_unused", r"the child process \d+", "settling")
class ForgetsAChild(Good):
    async def close(self, server):
        await super().close(server)
        LEFT.append(subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE))


@fault("test_the_endpoint_answers_as_often_as_it_is_asked", "ConnectError")
class ServesOnce(Good):
    async def relay(self, reader, writer):
        self.served = getattr(self, "served", 0) + 1
        if self.served == 1:
            await super().relay(reader, writer)
        writer.transport.abort()


@fault("test_it_opens_again", "RuntimeError: opened already")
class OpensOnce(Good):
    opened = False

    @asynccontextmanager
    async def open(self, candidate, reporter):
        if self.opened:
            raise RuntimeError("opened already")
        self.opened = True
        async with super().open(candidate, reporter) as endpoint:
            yield endpoint


@fault(
    "test_a_failure_of_the_chat_is_passed_on",
    "must close everything that was opened for it: there is an open socket",
    "settling",
)
class ClosesOnlyAfterSuccess(Good):
    @asynccontextmanager
    async def open(self, candidate, reporter):
        self.server = await asyncio.start_server(self.relay, "127.0.0.1", 0)
        yield self.endpoint(f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}")
        await self.close(self.server)


@fault("test_a_failure_of_the_chat_is_passed_on", "closing an endpoint must not suppress _BlockFailed")
class HidesFailures(Good):
    @asynccontextmanager
    async def open(self, candidate, reporter):
        with suppress(Exception):
            async with super().open(candidate, reporter) as endpoint:
                yield endpoint


@fault("test_it_reconnects", "the endpoint must connect again after its connection was reset")
class NeverConnectsAgain(Good):
    broken = False

    async def relay(self, reader, writer):
        if self.broken:
            writer.transport.abort()
            return
        await super().relay(reader, writer)
        self.broken = True


@fault("test_discover_can_be_cancelled", "discover must pass on CancelledError .* it returned")
class SwallowsCancellation(Good):
    async def probe(self, reporter):
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(0.5)


@fault("test_discover_can_be_cancelled", "discover must pass on CancelledError .* it raised ConnectError: Unable")
class TurnsCancellationIntoAnError(Good):
    async def probe(self, reporter):
        try:
            await asyncio.sleep(0.5)
        except BaseException:
            raise ConnectError("x", "failed") from None


@fault(
    "test_discover_can_be_cancelled", "discover must end within 0.3 s when it is cancelled, as it was after", "cancel"
)
class CannotBeCancelled(Good):
    async def probe(self, reporter):
        while True:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(30)


@fault(
    "test_open_can_be_cancelled",
    "a cancelled step must close everything that it has opened: there is an open socket",
    "settling",
)
class LeavesAHalfOpenEndpoint(Good):
    @asynccontextmanager
    async def open(self, candidate, reporter):
        # Cancelled at its last step, it listens on.
        self.server = await asyncio.start_server(self.relay, "127.0.0.1", 0)
        try:
            yield self.endpoint(f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}")
        finally:
            await self.close(self.server)


@fault("test_a_missing_server_is_reported", "an unreachable server must be a KaitoError .* ConnectionRefusedError")
class RaisesOSError(Good):
    async def probe(self, reporter):
        _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.close()


@fault("test_a_missing_server_is_reported", "must not end with exit code 2")
class BlamesTheUser(Good):
    async def probe(self, reporter):
        raise UsageError("The port is closed")


@fault("test_a_server_that_hangs_can_be_left", "discover or open must end within 0.3 s when it is cancelled", "cancel")
class WaitsForAResponse(Good):
    async def probe(self, reporter):
        task = asyncio.create_task(super().probe(reporter))
        while not task.done() and self.hanging:
            with suppress(asyncio.CancelledError):
                await asyncio.wait({task}, timeout=0.5)


@pytest.fixture
def contract(model_server, refused_url):
    """Return the suite for a class of backends."""
    port = int(refused_url.rpartition(":")[2])

    def make(kind):
        class Contract(BackendContract):
            def make_backend(self, settings):
                return kind(model_server.port)

            def make_unreachable_backend(self):
                return kind(port), self.make_settings()

            def make_hanging_backend(self):
                return kind(model_server.port, hanging=True), self.make_settings()

        contract = Contract()
        contract.model_server = model_server
        return contract

    yield make
    for left in LEFT:
        if isinstance(left, subprocess.Popen):
            left.communicate()
        elif isinstance(left, threading.Event):
            left.set()
        else:
            left.close()
    LEFT.clear()


def found(test):
    """Return the failure of a test."""
    try:
        test()
    except Exception as exc:
        return f"{type(exc).__name__}: {exc}"
    return "nothing"


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_fault_is_found(contract, name, monkeypatch):
    kind, test, message, limit = FAULTS[name]
    if limit is not None:
        monkeypatch.setattr(*LIMITS[limit])
    assert re.search(message, found(getattr(contract(kind), test)))
    gc.collect()  # what such a backend leaves behind must not disturb other tests


@pytest.mark.parametrize("test", TESTS)
def test_every_promise_is_tested_by_a_fault(contract, test):
    assert test in {found for _, found, *_ in FAULTS.values()}
    getattr(contract(Good), test)()


def test_tests_without_what_they_need_are_skipped(monkeypatch):
    class Contract(BackendContract):
        def make_backend(self, settings):
            return Good(0)

    for test in ("test_it_reconnects", "test_a_missing_server_is_reported", "test_a_server_that_hangs_can_be_left"):
        with pytest.raises(pytest.skip.Exception, match="is not"):
            getattr(Contract(), test)()


def test_the_factory_must_be_defined():
    with pytest.raises(NotImplementedError, match="Define make_backend"):
        BackendContract().test_kaito_offers_it()


def test_how_a_connection_ended_is_not_the_backend_s_fault():
    lost = aiohttp.ClientConnectionError("Connection lost")

    async def futures():
        return asyncio.get_running_loop().create_future(), asyncio.create_task(asyncio.sleep(0))

    future, task = asyncio.run(futures())
    assert _is_lost_connection({"future": future, "exception": lost})
    assert not _is_lost_connection({"future": task, "exception": lost})
    assert not _is_lost_connection({"future": future, "exception": ValueError()})
