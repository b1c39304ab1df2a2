"""Finding the way in: what the backend that was named offers, or the best that all of them find."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

from kaito.errors import ConnectError, ForbiddenError, KaitoError
from kaito.hookspecs import Backend
from kaito.plugin_sources import Plugin
from kaito.plugins import Offered, Plugins
from kaito.settings import Settings
from kaito.types import Candidate, Endpoint, Reporter, Target


@asynccontextmanager
async def open_endpoint(
    backends: Mapping[str, Offered[Backend]], plugins: Plugins, settings: Settings, reporter: Reporter
) -> AsyncIterator[tuple[Offered[Backend], Endpoint]]:
    """Open the best way in that the backends find, and the next when one fails; yield its backend, too.

    Raises:
        KaitoError: the only backend asked says why there is no way.
        ConnectError: of several backends none has a way; it tells what was tried.
    """
    seeking = _Seeking(plugins, settings, reporter)
    reporter.status("looking for the endpoint")
    found = await asyncio.gather(*(seeking.discover(offered) for offered in backends.values()))
    named = settings.backend != "auto" or settings.target.endpoint is not None
    candidates = [candidate for some in found for candidate in some if named or candidate.rank is not None]
    candidates.sort(key=lambda candidate: candidate.rank or 0)
    for candidate in candidates:
        offered = backends[candidate.backend]
        async with AsyncExitStack() as stack:
            endpoint = await seeking.enter(stack, offered, candidate)
            if endpoint is not None:
                yield offered, endpoint
                return
    raise seeking.failure(named)


class _Seeking:
    """The search for a way in, with an account of it."""

    def __init__(self, plugins: Plugins, settings: Settings, reporter: Reporter) -> None:
        self._plugins = plugins
        self._target = settings.target
        self._verbose = settings.verbose
        self._reporter = reporter
        self._failures: list[tuple[str, KaitoError]] = []

    async def discover(self, offered: Offered[Backend]) -> list[Candidate]:
        started = time.monotonic()
        name = offered.value.name
        try:
            with self._plugins.guarding(offered.plugin, "discover"):
                candidates = list(await offered.value.discover(self._target, self._reporter))
                _check(candidates, name)
        except KaitoError as exc:
            self._failures.append((name, exc))
            self._explain(name, f"no way in: {exc.message}", started)
            return []
        self._explain(name, ", ".join(candidate.url for candidate in candidates) or "does not apply", started)
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
            self._failures.append((candidate.backend, exc))
            self._explain(candidate.backend, f"not opened: {exc.message}", started)
            return None
        self._explain(candidate.backend, f"opened {endpoint.url}", started)
        return endpoint

    def failure(self, named: bool) -> KaitoError:
        if named and self._failures:
            return self._failures[-1][1]
        shown = self._shown_url(self._target)
        tried = [f"{name}: {exc.message}" for name, exc in self._failures]
        hint = "Without a way through the cluster, --endpoint URL leads to any server that speaks OpenAI's protocol"
        if tried and all(isinstance(exc, ForbiddenError) for _, exc in self._failures):
            return ForbiddenError("Every way to the workspace's endpoint is forbidden", *tried, hint)
        return ConnectError(shown, *(tried or ["No backend offers a way there; see 'kaito plugins'"]), hint)

    @staticmethod
    def _shown_url(target: Target) -> str:
        return f"http://{target.workspace}.{target.namespace or 'default'}.svc.cluster.local/chat/completions"

    def _explain(self, name: str, verdict: str, started: float) -> None:
        if self._verbose:
            self._reporter.notice(f"{name}: {verdict} ({(time.monotonic() - started) * 1000:.0f} ms)")


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
