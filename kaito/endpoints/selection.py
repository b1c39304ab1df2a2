"""Finding the way in: what the backend that was named offers, or the best that all of them find."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing, asynccontextmanager
from typing import TypeVar

from kaito.cluster.service_urls import shown_url
from kaito.errors import ConnectError, ForbiddenError, KaitoError, NotFoundError, UsageError
from kaito.hookspecs import Backend
from kaito.plugin.discovery import Plugin
from kaito.plugin.manager import Offered, Plugins
from kaito.settings import Settings
from kaito.types import Candidate, Endpoint, Reporter

T = TypeVar("T")

#: Seconds that the other backends have left when one of them has found a way: theirs may be better, or lead nowhere.
#: Where that way took longer to find, as over a long distance, the others have as long again, up to the second.
GRACE = 0.2
LONGEST_GRACE = 1.0


@asynccontextmanager
async def open_endpoint(
    backends: Mapping[str, Offered[Backend]],
    plugins: Plugins,
    settings: Settings,
    reporter: Reporter,
    use: Callable[[Offered[Backend], Endpoint], AbstractAsyncContextManager[T]],
) -> AsyncIterator[T]:
    """Open the best way in that the backends find, and the next when one fails; yield what is made of it.

    Args:
        backends: who is asked.
        plugins: isolates them.
        settings: what the user asked for.
        reporter: is told what is waited for and, if that is wanted, each step.
        use: makes a context of an open endpoint and its backend. When entering it raises a `ConnectError`, the way
            leads nowhere and the next one is taken.

    Raises:
        KaitoError: the only backend asked says why there is no way.
        ConnectError: of several backends none has a way; it tells what was tried.
    """
    seeking = _Seeking(plugins, settings, reporter)
    reporter.status("looking for the endpoint")
    async with AsyncExitStack() as held:
        asked = [offered for offered in backends.values() if await seeking.hold(held, offered)]
        named = settings.backend != "auto" or settings.target.endpoint is not None
        async with aclosing(seeking.candidates(asked, named)) as candidates:
            async for candidate in candidates:
                offered = backends[candidate.backend]
                async with AsyncExitStack() as stack:
                    endpoint = await seeking.enter(stack, offered, candidate)
                    if endpoint is None:
                        continue
                    try:
                        used = await stack.enter_async_context(use(offered, endpoint))
                    except ConnectError as exc:
                        seeking.lead_nowhere(candidate, exc)
                        continue
                    await candidates.aclose()
                    yield used
                    return
        raise seeking.failure(named)


async def discover_all(
    backends: Mapping[str, Offered[Backend]], plugins: Plugins, settings: Settings, reporter: Reporter
) -> tuple[list[Candidate], list[tuple[str, KaitoError]]]:
    """Return all ways in that the backends find, the best first, and what each of the others says of its failure."""
    seeking = _Seeking(plugins, settings, reporter)
    reporter.status("looking for the endpoint")
    async with AsyncExitStack() as held:
        asked = [offered for offered in backends.values() if await seeking.hold(held, offered)]
        found = await asyncio.gather(*(seeking.discover(offered) for offered in asked))
    candidates = [candidate for some in found for candidate in some]
    candidates.sort(key=_worse)
    return candidates, seeking.failures


class _Seeking:
    """The search for a way in, with an account of it."""

    def __init__(self, plugins: Plugins, settings: Settings, reporter: Reporter) -> None:
        self._plugins = plugins
        self._target = settings.target
        self._verbose = settings.verbose
        self._reporter = reporter
        #: Why a backend has no way, or why its way could not be opened, by its name.
        self.failures: list[tuple[str, KaitoError]] = []
        self._by_name: list[Candidate] = []

    async def hold(self, stack: AsyncExitStack, offered: Offered[Backend]) -> bool:
        """Enter a backend that is a context of its own; return whether it can be asked."""
        backend = offered.value
        if isinstance(backend, AbstractAsyncContextManager):
            try:
                with self._plugins.guarding(offered.plugin, "being entered"):
                    await stack.enter_async_context(_closing(backend, offered.plugin, self._plugins))
            except KaitoError as exc:
                self.failures.append((backend.name, exc))
                return False
        return True

    async def candidates(self, asked: Iterable[Offered[Backend]], named: bool) -> AsyncGenerator[Candidate, None]:
        """Ask all backends at once; yield their ways in as they are wanted, the best that is known by then."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        pending = {asyncio.create_task(self.discover(offered)) for offered in asked}
        known: list[Candidate] = []
        deadline: float | None = None
        try:
            while pending or known:
                if pending:
                    patience = max(0.0, deadline - loop.time()) if known and deadline is not None else None
                    done, pending = await asyncio.wait(pending, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
                    for candidate in (candidate for task in done for candidate in task.result()):
                        if named or candidate.rank is not None:
                            known.append(candidate)
                        else:
                            self._by_name.append(candidate)
                    if known and deadline is None:
                        deadline = loop.time() + min(max(GRACE, loop.time() - started), LONGEST_GRACE)
                    if done:
                        continue
                known.sort(key=_worse)
                yield known.pop(0)
        finally:
            for task in pending:
                task.cancel()
            if pending:
                await asyncio.wait(pending)

    async def discover(self, offered: Offered[Backend]) -> list[Candidate]:
        started = time.monotonic()
        name = offered.value.name
        try:
            with self._plugins.guarding(offered.plugin, "discover"):
                candidates = list(await offered.value.discover(self._target, self._reporter))
                _check(candidates, name)
        except KaitoError as exc:
            self.failures.append((name, exc))
            self._explain(name, f"no way in: {_told(exc)[0]}", started)
            return []
        except asyncio.CancelledError:
            self._explain(name, "not waited for", started)
            raise
        found = ", ".join(_without_query(candidate.url) for candidate in candidates)
        self._explain(name, found or "does not apply", started)
        return candidates

    async def enter(self, stack: AsyncExitStack, offered: Offered[Backend], candidate: Candidate) -> Endpoint | None:
        started = time.monotonic()
        try:
            with self._plugins.guarding(offered.plugin, "open"):
                opening = offered.value.open(candidate, self._reporter)
                endpoint = await stack.enter_async_context(_closing(opening, offered.plugin, self._plugins))
                if not isinstance(endpoint, Endpoint):
                    raise TypeError(f"{endpoint!r} is no Endpoint")
        except KaitoError as exc:
            self.failures.append((candidate.backend, exc))
            self._explain(candidate.backend, f"not opened: {_told(exc)[0]}", started)
            return None
        self._explain(candidate.backend, f"opened {_without_query(endpoint.url)}", started)
        return endpoint

    def lead_nowhere(self, candidate: Candidate, exc: ConnectError) -> None:
        """Note that nothing answers behind an endpoint that was opened."""
        self.failures.append((candidate.backend, exc))
        if self._verbose:
            self._reporter.notice(f"{candidate.backend}: nothing answers: {_told(exc)[0]}")

    def failure(self, named: bool) -> KaitoError:
        """Return the failure to show: the target's own, else what was tried and what each way lacks."""
        failures = [exc for _, exc in self.failures]
        # All that ask the cluster fail alike when it is the cluster, or the workspace, that is at fault.
        if (failures and named) or (len(failures) > 1 and len({tuple(exc.lines()) for exc in failures}) == 1):
            return failures[-1]
        if about := next((exc for exc in failures if isinstance(exc, UsageError | NotFoundError)), None):
            return about
        tried: dict[tuple[str, ...], list[str]] = {}
        for name, exc in self.failures:
            tried.setdefault(_told(exc), []).append(name)
        lines: list[str] = []
        for told, names in tried.items():
            lines += [f"{', '.join(names)}: {told[0]}", *(f"  {more}" for more in told[1:])]
        lines += [f"{one.backend}: {one.url} is taken only by name: --backend {one.backend}" for one in self._by_name]
        hint = "Without a way through the cluster, --endpoint URL leads to any server that speaks OpenAI's protocol"
        if lines and all(isinstance(exc, ForbiddenError) for exc in failures):
            return ForbiddenError("Every way to the workspace's endpoint is forbidden", *lines, hint)
        shown = next(
            (exc.endpoint for exc in failures if isinstance(exc, ConnectError)),
            shown_url(self._target.workspace, self._target.namespace),
        )
        return ConnectError(shown, *(lines or ["No backend offers a way there; see 'kaito plugins'"]), hint)

    def _explain(self, name: str, verdict: str, started: float) -> None:
        if self._verbose:
            self._reporter.notice(f"{name}: {verdict} ({(time.monotonic() - started) * 1000:.0f} ms)")


def _worse(candidate: Candidate) -> tuple[bool, int]:
    """Return what to sort by: the best first, and last those that are taken only by name."""
    return candidate.rank is None, candidate.rank or 0


def _without_query(url: str) -> str:
    """Return what may be shown of a URL: its query may hold a key."""
    return url.partition("?")[0]


def _told(exc: KaitoError) -> tuple[str, ...]:
    """Return a failure's own words: a :class:`ConnectError`'s first lines are the same for all."""
    return (isinstance(exc, ConnectError) and exc.details) or (exc.message, *exc.hints)


def _check(candidates: list[Candidate], name: str) -> None:
    for candidate in candidates:
        if not isinstance(candidate, Candidate) or candidate.backend != name:
            raise TypeError(f"{candidate!r} is no Candidate of backend {name}")
        if not isinstance(candidate.rank, int | None):
            raise TypeError(f"{candidate.rank!r} is no rank")


@asynccontextmanager
async def _closing(
    opening: AbstractAsyncContextManager[Endpoint], plugin: Plugin, plugins: Plugins
) -> AsyncIterator[Endpoint]:
    """Enter a backend's context; what it raises when it is left in good order is its own fault."""
    endpoint = await opening.__aenter__()
    try:
        yield endpoint
    except BaseException as exc:
        if not await opening.__aexit__(type(exc), exc, exc.__traceback__):
            raise
    else:
        with plugins.guarding(plugin, "closing its endpoint"):
            await opening.__aexit__(None, None, None)
