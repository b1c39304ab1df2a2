"""Opens an endpoint: that of the backend that the user named, or the best one that all backends discover."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing, asynccontextmanager
from typing import TypeVar

from kaito.endpoints.backend_calls import BackendCalls
from kaito.endpoints.backend_choice import needs_workspace, workspace_missing
from kaito.errors import ConnectError, ForbiddenError, KaitoError, NotFoundError, UsageError
from kaito.hookspecs import Backend
from kaito.plugin.manager import Offered, Plugins
from kaito.settings import Settings
from kaito.types import Candidate, Endpoint, Reporter
from kaito.types.targets import shown_url
from kaito.util.program import program_name

T = TypeVar("T")

#: Seconds that the other backends get after the first endpoint was discovered, as theirs may be better. If discovering
#: the first one took longer, as over a slow network, they get that time again, up to the second value.
_GRACE_PERIOD = 0.18
_MAX_GRACE_PERIOD = 1.0


@asynccontextmanager
async def open_endpoint(
    backends: Mapping[str, Offered[Backend]],
    plugins: Plugins,
    settings: Settings,
    reporter: Reporter,
    connect: Callable[[Offered[Backend], Endpoint], AbstractAsyncContextManager[T]],
) -> AsyncIterator[T]:
    """Open the best endpoint, and yield what `connect` makes of it.

    When an endpoint cannot be opened, or entering `connect` raises a `ConnectError`, the next one is used. The reporter
    receives each step with `--verbose`.

    Raises:
        KaitoError: no endpoint can be used; when one backend was named, the error is that backend's.
    """
    search = _EndpointSearch(plugins, settings, reporter)
    async with AsyncExitStack() as entered:
        usable = await search.enter_backends(entered, backends)
        async with aclosing(search.candidates(usable)) as candidates:
            async for candidate in candidates:
                offered = backends[candidate.backend]
                async with AsyncExitStack() as opened:
                    endpoint = await search.open(opened, offered, candidate)
                    if endpoint is None:
                        continue
                    try:
                        connection = await opened.enter_async_context(connect(offered, endpoint))
                    except ConnectError as exc:
                        search.record_unreachable(candidate, exc)
                        await search.close(opened)
                        continue
                    await candidates.aclose()
                    yield connection
                    return
        raise search.error()


async def discover_all(
    backends: Mapping[str, Offered[Backend]], plugins: Plugins, settings: Settings, reporter: Reporter
) -> tuple[list[Candidate], list[tuple[str, KaitoError]]]:
    """Return the candidates of all backends, best first, and the errors of the backends that failed, by their names."""
    search = _EndpointSearch(plugins, settings, reporter)
    async with AsyncExitStack() as entered:
        usable = await search.enter_backends(entered, backends)
        discovered = await asyncio.gather(*(search.discover(offered) for offered in usable))
    return sorted((one for candidates in discovered for one in candidates), key=_sort_key), search.errors


class _EndpointSearch:
    """Asks backends for candidates and opens them; records what failed."""

    def __init__(self, plugins: Plugins, settings: Settings, reporter: Reporter) -> None:
        self._calls = BackendCalls(plugins, settings, reporter)
        self._settings = settings
        self._reporter = reporter
        #: Why backends discovered nothing, or why their candidates could not be used, by the backends' names.
        self.errors: list[tuple[str, KaitoError]] = []
        #: The errors of endpoints that were opened and do not respond.
        self._silent: list[ConnectError] = []
        self._asked: list[Backend] = []
        #: Candidates that are used only when their backend is named.
        self._unranked: list[Candidate] = []

    async def enter_backends(
        self, stack: AsyncExitStack, backends: Mapping[str, Offered[Backend]]
    ) -> list[Offered[Backend]]:
        """Enter the backends that are context managers; return all but those that fail."""
        self._reporter.status("finding the endpoint")
        self._asked = [offered.value for offered in backends.values()]
        usable = []
        for offered in backends.values():
            if isinstance(offered.value, AbstractAsyncContextManager):
                try:
                    await stack.enter_async_context(self._calls.entered(offered, offered.value))
                except KaitoError as exc:
                    self.errors.append((offered.value.name, exc))
                    continue
            usable.append(offered)
        return usable

    async def candidates(self, backends: Iterable[Offered[Backend]]) -> AsyncGenerator[Candidate, None]:
        """Ask all backends at once; yield the best known candidate each time that another one is needed."""
        loop = asyncio.get_running_loop()
        # The backends were entered, which has imported their modules: only their requests are timed.
        started = loop.time()
        pending = {asyncio.create_task(self.discover(offered)) for offered in backends}
        known: list[Candidate] = []
        deadline: float | None = None
        try:
            while pending or known:
                if pending:
                    timeout = max(0.0, deadline - loop.time()) if known and deadline is not None else None
                    done, pending = await asyncio.wait(pending, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
                    for candidate in (candidate for task in done for candidate in task.result()):
                        is_usable = candidate.rank is not None or self._settings.chose_backend
                        (known if is_usable else self._unranked).append(candidate)
                    if known and deadline is None:
                        deadline = loop.time() + min(max(_GRACE_PERIOD, loop.time() - started), _MAX_GRACE_PERIOD)
                    if done:
                        continue
                known.sort(key=_sort_key)
                yield known.pop(0)
        finally:
            for task in pending:
                task.cancel()
            if pending:
                await asyncio.wait(pending)

    async def discover(self, offered: Offered[Backend]) -> list[Candidate]:
        """Return a backend's candidates; none, and an entry in :attr:`errors`, when it fails."""
        started = time.monotonic()
        name = offered.value.name
        try:
            candidates = await self._calls.discover(offered)
        except KaitoError as exc:
            self.errors.append((name, exc))
            self._report(name, f"failed: {_details(exc)[0]}", started)
            return []
        except asyncio.CancelledError:
            self._report(name, "cancelled, another endpoint is used", started)
            raise
        urls = ", ".join(_without_query(candidate.url) for candidate in candidates)
        self._report(name, urls or "not applicable", started)
        return candidates

    async def open(self, stack: AsyncExitStack, offered: Offered[Backend], candidate: Candidate) -> Endpoint | None:
        """Return the open endpoint of a candidate; `None`, and an entry in :attr:`errors`, when that fails."""
        started = time.monotonic()
        try:
            endpoint = await stack.enter_async_context(self._calls.opened(offered, candidate))
        except KaitoError as exc:
            self.errors.append((candidate.backend, exc))
            self._report(candidate.backend, f"cannot be opened: {_details(exc)[0]}", started)
            return None
        where = ", ".join(f"{name} {value}" for name, value in endpoint.place)
        self._report(candidate.backend, f"opened {_without_query(endpoint.url)} ({where})", started)
        return endpoint

    async def close(self, stack: AsyncExitStack) -> None:
        """Close an endpoint that is not used; a failure must not end the search."""
        try:
            await stack.aclose()
        except KaitoError as exc:
            self._reporter.notice(exc.message)

    def record_unreachable(self, candidate: Candidate, exc: ConnectError) -> None:
        """Record that an open endpoint does not respond."""
        self.errors.append((candidate.backend, exc))
        self._silent.append(exc)
        if self._settings.verbose:
            self._reporter.notice(f"{candidate.backend}: no response: {_details(exc)[0]}")

    def error(self) -> KaitoError:
        """Return the error to show: the one that all backends share, else a summary of what was tried."""
        errors = [exc for _, exc in self.errors]
        without_workspace = self._settings.target.workspace is None and not self._settings.chose_backend
        if without_workspace and not errors:
            return workspace_missing(self._asked)
        is_named = self._settings.chose_backend
        # When the cluster or the workspace is at fault, all backends that ask the cluster report the same.
        is_shared = (len(errors) > 1 or without_workspace) and len({tuple(exc.lines()) for exc in errors}) == 1
        if errors and (is_named or is_shared):
            return errors[-1]
        for exc in errors:
            # These are about the cluster, and not about an endpoint that another backend has opened.
            if isinstance(exc, UsageError | NotFoundError) and not self._silent:
                return exc
        by_details: dict[tuple[str, ...], list[str]] = {}
        for name, exc in self.errors:
            by_details.setdefault(_details(exc), []).append(name)
        lines: list[str] = []
        for details, names in by_details.items():
            lines += [f"{', '.join(names)}: {details[0]}", *(f"  {detail}" for detail in details[1:])]
        lines += [
            f"{one.backend}: {one.url} is used only with --backend {one.backend}"
            for one in self._unranked
            if self._is_for_target(one)
        ]
        hint = "To connect to any OpenAI-compatible server directly, use --endpoint URL"
        if lines and all(isinstance(exc, ForbiddenError) for exc in errors):
            return ForbiddenError("No backend is allowed to reach the workspace's endpoint", *lines, hint)
        target = self._settings.target
        shown = next(
            (exc.endpoint for exc in (*self._silent, *errors) if isinstance(exc, ConnectError)),
            shown_url(target.workspace, target.namespace),
        )
        return ConnectError(shown, *(lines or [f"No backend offers an endpoint; see '{program_name()} plugins'"]), hint)

    def _is_for_target(self, candidate: Candidate) -> bool:
        """Return whether a candidate is for the target: with a workspace, only that of a backend that needs one."""
        if self._settings.target.workspace is None:
            return True
        return any(needs_workspace(backend) for backend in self._asked if backend.name == candidate.backend)

    def _report(self, name: str, result: str, started: float) -> None:
        if self._settings.verbose:
            self._reporter.notice(f"{name}: {result} ({(time.monotonic() - started) * 1000:.0f} ms)")


def _sort_key(candidate: Candidate) -> tuple[bool, int]:
    """Return the key that sorts the best candidate first, and those without a rank last."""
    return candidate.rank is None, candidate.rank or 0


def _without_query(url: str) -> str:
    """Return a URL that is safe to show: the query may contain a key."""
    return url.partition("?")[0]


def _details(exc: KaitoError) -> tuple[str, ...]:
    """Return the distinguishing lines of an error: the first ones of all :class:`ConnectError`s are the same."""
    return (isinstance(exc, ConnectError) and exc.details) or (exc.message, *exc.shown_hints())
