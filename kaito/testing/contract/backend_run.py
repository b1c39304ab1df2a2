"""Runs a backend as kaito does, and watches it: time limits, what it leaves, what it writes, what it blocks."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import aiohttp
from msgspec.structs import replace
from yarl import URL

from kaito.chat.connection import Connection, open_connection
from kaito.hookspecs import Backend
from kaito.openai.client import ChatClient
from kaito.plugin.discovery import Plugin
from kaito.plugin.manager import Offered, Plugins
from kaito.settings import Settings
from kaito.testing.contract import process_state, strict_reporter
from kaito.testing.contract.bounded_loop import event_loop
from kaito.testing.contract.loop_monitor import LoopMonitor
from kaito.testing.contract.own_output import no_output
from kaito.testing.contract.process_state import ProcessState, nothing_left
from kaito.testing.contract.promises import broken, promise
from kaito.testing.contract.strict_reporter import StrictReporter
from kaito.types import Candidate, ChatRequest, Delta, Endpoint, Message

#: Seconds within which a backend or its endpoint must close.
CLOSE_LIMIT = 5.0

_QUESTION = Message("user", "Say hello.")


class BackendRun:
    """A backend in an event loop, with what kaito gives it.

    Attributes:
        backend: the backend.
        settings: the settings that it was made with.
        reporter: what it reports to.
    """

    def __init__(self, backend: Backend, settings: Settings) -> None:
        self.backend = backend
        self.settings = settings
        self.reporter = StrictReporter()

    @asynccontextmanager
    async def entered(self) -> AsyncIterator[None]:
        """Enter the backend, if it is a context manager, and leave it at the end."""
        if not isinstance(self.backend, AbstractAsyncContextManager):
            yield
            return
        async with self.within(self.backend, "the backend"):
            yield

    async def discover(self) -> list[Candidate]:
        """Return the candidates, checked."""
        async with self._not_silent("discover"):
            candidates = list(await self.backend.discover(self.settings.target, self.reporter))
        for candidate in candidates:
            _check_candidate(candidate, self.backend.name)
        return candidates

    async def best(self) -> Candidate:
        """Return the candidate that kaito would open."""
        candidates = await self.discover()
        promise(bool(candidates), f"discover must return a candidate for {self.settings.target!r}")
        return min(candidates, key=lambda one: (one.rank is None, one.rank or 0))

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Endpoint]:
        """Discover and open the endpoint, and close it at the end."""
        context = self.backend.open(await self.best(), self.reporter)
        promise(
            isinstance(context, AbstractAsyncContextManager),
            f"open must return an asynchronous context manager, not {context!r}; use contextlib.asynccontextmanager",
        )
        async with self.within(context, "an endpoint") as endpoint:
            _check_endpoint(endpoint)
            yield endpoint

    @asynccontextmanager
    async def within(self, context: AbstractAsyncContextManager[Any], what: str) -> AsyncIterator[Any]:
        """Enter and leave a context within the limits of kaito."""
        async with self._not_silent(f"opening {what}"):
            value = await context.__aenter__()
        try:
            yield value
        except BaseException as exc:
            suppressed = await self._leave(context, what, exc)
            if suppressed:
                raise broken(f"closing {what} must not suppress {type(exc).__name__} of the block") from exc
            raise
        await self._leave(context, what, None)

    @asynccontextmanager
    async def client(self, endpoint: Endpoint) -> AsyncIterator[Callable[[], Awaitable[None]]]:
        """Yield a function that asks the model a question, each time with the same client of kaito."""
        async with ChatClient(endpoint, self.settings) as client:
            models = await client.models(lambda wait: self.reporter.retrying(wait.reason, wait.delay))
            model = endpoint.model or (models[0].name if models else None)

            async def ask() -> None:
                answer = client.stream(
                    ChatRequest(messages=(_QUESTION,), model=model, max_tokens=self.settings.max_tokens)
                )
                text = "".join([item.content async for item in answer if isinstance(item, Delta)])
                promise(bool(text.strip()), "the endpoint must answer a chat request, and the answer is empty")

            yield ask

    async def ask(self, endpoint: Endpoint) -> None:
        """Ask the model a question."""
        async with self.client(endpoint) as ask:
            await ask()

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Connection]:
        """Connect as `kaito chat --backend NAME` does."""
        name = self.backend.name
        settings = self.settings
        if settings.target.endpoint is None:
            settings = replace(settings, backend=name)
        offered = {name: Offered(Plugin("under-test", "under-test", ""), self.backend)}
        async with open_connection(offered, Plugins(self.reporter.notice), settings, self.reporter) as connection:
            yield connection

    async def left_open(self, before: ProcessState, tasks: set[asyncio.Task[Any]]) -> list[str]:
        """Return what is open that was not before, after it had time to close."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + process_state.SETTLING
        while True:
            left = ProcessState.now().left_over(before)
            left += [f"the task {task.get_name()!r} ({task.get_coro()!r})" for task in asyncio.all_tasks() - tasks]
            if not left or loop.time() > deadline:
                return left
            await asyncio.sleep(0.01)

    async def _leave(self, context: AbstractAsyncContextManager[Any], what: str, exc: BaseException | None) -> bool:
        kind, trace = (type(exc), exc.__traceback__) if exc is not None else (None, None)
        try:
            async with asyncio.timeout(CLOSE_LIMIT) as scope:
                return bool(await context.__aexit__(kind, exc, trace))
        except TimeoutError:
            if not scope.expired():
                raise
            raise broken(f"{what} must close within {CLOSE_LIMIT:g} s") from None

    @asynccontextmanager
    async def _not_silent(self, what: str) -> AsyncIterator[None]:
        limit = strict_reporter.SILENCE_LIMIT
        try:
            async with asyncio.timeout(limit) as scope:
                self.reporter.scopes.add(scope)
                try:
                    yield
                finally:
                    self.reporter.scopes.discard(scope)
        except TimeoutError:
            if not scope.expired():
                raise
            raise broken(f"{what} must report what it does at least every {limit:g} s") from None


def run_backend(
    make: Callable[[], tuple[Backend, Settings]], use: Callable[[BackendRun], Coroutine[Any, Any, None]], left: str
) -> None:
    """Make a backend, use it in an event loop of its own, and check what it did meanwhile.

    Args:
        use: uses it. The backend must be left and its endpoints closed then.
        left: the promise that nothing is left, in words.

    Raises:
        AssertionError: a promise was broken.
    """
    reports: list[dict[str, Any]] = []

    async def main(backend: Backend, settings: Settings) -> None:
        run = BackendRun(backend, settings)
        before, tasks = ProcessState.now(), asyncio.all_tasks()
        with LoopMonitor():
            await use(run)
        remaining = await run.left_open(before, tasks)
        promise(not remaining, f"{left}: there is {', '.join(remaining)}")
        promise(not run.reporter.faults, "; ".join(run.reporter.faults))

    with no_output("a backend"), nothing_left(left):
        backend, settings = make()
        with event_loop(reports.append) as loop:
            loop.run_until_complete(main(backend, settings))
            del backend
            # Sessions and tasks report to the loop that they were forgotten.
            gc.collect()
    told = [_told(report) for report in reports if not _is_lost_connection(report)]
    promise(not told, "; ".join(f"the event loop reports: {one}" for one in told))


def _is_lost_connection(report: dict[str, Any]) -> bool:
    """Return whether a report is only about the end of a connection, which aiohttp keeps for callers that await it."""
    exc, future = report.get("exception"), report.get("future")
    return isinstance(exc, aiohttp.ClientConnectionError | OSError) and not isinstance(future, asyncio.Task)


def _told(report: dict[str, Any]) -> str:
    exc = report.get("exception")
    return f"{report.get('message')}" + (f" ({type(exc).__name__}: {exc})" if exc is not None else "")


def _check_candidate(candidate: object, name: str) -> None:
    if not isinstance(candidate, Candidate):
        raise broken(f"discover must return candidates, not {candidate!r}")
    rank: object = candidate.rank
    url: object = candidate.url
    promise(candidate.backend == name, f"the candidate's backend must be {name!r}, not {candidate.backend!r}")
    promise(isinstance(url, str) and url.strip() != "", f"the candidate's url must be text to show, not {url!r}")
    promise(
        rank is None or (isinstance(rank, int) and not isinstance(rank, bool)),
        f"the candidate's rank must be a whole number or None, not {rank!r}",
    )
    for field in ("shared", "external"):
        value = getattr(candidate, field)
        promise(isinstance(value, bool), f"the candidate's {field} must be True or False, not {value!r}")
    promise(isinstance(candidate.problem, str), f"the candidate's problem must be text, not {candidate.problem!r}")


def _check_endpoint(endpoint: object) -> None:
    if not isinstance(endpoint, Endpoint):
        raise broken(f"open must yield an Endpoint, not {endpoint!r}")
    for field in ("url", "shown_url", "label"):
        value = getattr(endpoint, field)
        promise(isinstance(value, str) and value.strip() != "", f"the endpoint's {field} must be text, not {value!r}")
    try:
        url = URL(endpoint.url)
    except ValueError as exc:
        raise broken(f"the endpoint's url {endpoint.url!r} is not valid: {exc}") from None
    promise(
        url.scheme in ("http", "https") and bool(url.host),
        f"the endpoint's url must be http or https, not {endpoint.url!r}",
    )
    for name, value in endpoint.headers.items():
        promise(isinstance(name, str) and isinstance(value, str), f"the header {name!r} must be text, not {value!r}")
    if endpoint.via is not None:
        promise(isinstance(endpoint.via(), str), "the endpoint's via must return text")
