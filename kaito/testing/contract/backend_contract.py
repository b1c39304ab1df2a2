"""The suite for backends: what `kaito.hookspecs.Backend` promises, as tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from kaito import hookimpl
from kaito.errors import ExitCode, KaitoError, PluginError
from kaito.hookspecs import Backend
from kaito.plugin.manager import Plugins
from kaito.settings import Settings
from kaito.testing.contract.backend_run import BackendRun, run_backend
from kaito.testing.contract.base_contract import BaseContract
from kaito.testing.contract.cancellation import MOMENTS, Moment, cancel_at
from kaito.testing.contract.own_output import no_output
from kaito.testing.contract.process_state import ProcessState, nothing_left
from kaito.testing.contract.promises import broken, promise
from kaito.testing.model_server import ModelServer
from kaito.types import Target

#: How a failure to reach a server may end a command.
_FAILURES = (ExitCode.FAILED, ExitCode.NOT_FOUND, ExitCode.UNREACHABLE, ExitCode.FORBIDDEN)

_CLOSED = "closing the endpoint must close everything that was opened for it"


class _BlockFailed(Exception):
    """Raised in place of a chat."""


class BackendContract(BaseContract):
    """Subclass it and define :meth:`make_backend`; pytest runs the tests for your backend.

    Servers are started by fixtures of the subclass. The tests of faults need to know more: define
    :meth:`make_unreachable_backend` and :meth:`make_hanging_backend`, and set :attr:`model_server`.
    """

    #: The server at the end of the endpoint, if it is a :class:`~kaito.testing.ModelServer`: it is restarted in a test.
    model_server: ModelServer | None = None

    def make_settings(self) -> Settings:
        """Return the settings of the run; `Settings.target` is what the user asks for."""
        return Settings(target=Target(workspace="my-workspace"))

    def make_backend(self, settings: Settings) -> Backend:
        """Return a new backend, as `kaito_backends(settings)` does."""
        raise NotImplementedError("Define make_backend(self, settings): it returns a new backend")

    def make_unreachable_backend(self) -> tuple[Backend, Settings] | None:
        """Return a backend whose server refuses connections, and its settings; `None` leaves that test out."""
        return None

    def make_hanging_backend(self) -> tuple[Backend, Settings] | None:
        """Return a backend whose server accepts connections and never responds; `None` leaves that test out."""
        return None

    def test_kaito_offers_it(self) -> None:
        """It has a name and the methods that are needed."""
        backend, settings = self._make()

        class Plugin:
            @staticmethod
            @hookimpl
            def kaito_backends() -> list[Backend]:
                return [backend]

        complaints: list[str] = []
        plugins = Plugins(complaints.append)
        plugins.add(Plugin, "plugin", "under-test", "")
        promise(bool(plugins.backends(settings)), f"kaito does not offer it: {'; '.join(complaints)}")
        needs_workspace: object = getattr(backend, "needs_workspace", True)
        promise(isinstance(needs_workspace, bool), f"needs_workspace must be True or False, not {needs_workspace!r}")

    def test_making_it_does_nothing(self) -> None:
        """It is made at each start of kaito, outside the event loop: that opens and starts nothing."""
        with no_output("a backend"), nothing_left("making a backend must not open or start anything"):
            backends = [self._make() for _ in range(2)]
        promise(backends[0][0] is not backends[1][0], "make_backend must return a new backend each time")

    def test_discover_leaves_nothing_open(self) -> None:
        """Discovering endpoints has no side effects: what lasts belongs to `open`, or to the backend's own context."""

        async def use(run: BackendRun) -> None:
            async with run.entered():
                before, tasks = ProcessState.now(), asyncio.all_tasks()
                await run.best()
                # A backend that is a context manager may keep what it uses until it is left.
                left = [] if hasattr(run.backend, "__aexit__") else await run.left_open(before, tasks)
                promise(not left, f"discover must leave nothing open: there is {', '.join(left)}")

        self._run(use, "leaving the backend must close everything that discover opened")

    def test_kaito_chats_through_it(self) -> None:
        """`kaito chat --backend NAME` discovers and opens it, lists its models, and asks a question."""

        async def use(run: BackendRun) -> None:
            async with run.connected() as connection:
                await run.ask(connection.endpoint)

        self._run(use)

    def test_the_endpoint_answers_as_often_as_it_is_asked(self) -> None:
        """The endpoint serves one client after the other, several at once, and each of them several times."""

        async def use(run: BackendRun) -> None:
            async with run.entered(), run.opened() as endpoint:
                async with run.client(endpoint) as ask:
                    await ask()
                    await ask()
                await asyncio.gather(run.ask(endpoint), run.ask(endpoint))

        self._run(use)

    def test_it_opens_again(self) -> None:
        """After an endpoint was closed, the same backend discovers and opens another one."""

        async def use(run: BackendRun) -> None:
            async with run.entered():
                for _ in range(3):
                    async with run.opened() as endpoint:
                        await run.ask(endpoint)

        self._run(use)

    def test_it_closes_unused(self) -> None:
        """An endpoint that is closed at once closes everything, as when another backend's is preferred."""

        async def use(run: BackendRun) -> None:
            async with run.entered(), run.opened():
                pass

        self._run(use)

    def test_a_failure_of_the_chat_is_passed_on(self) -> None:
        """An exception that ends the chat closes the endpoint, and is neither hidden nor replaced."""

        async def use(run: BackendRun) -> None:
            try:
                async with run.entered(), run.opened():
                    raise _BlockFailed
            except _BlockFailed:
                pass

        self._run(use)

    def test_it_reconnects(self) -> None:
        """A connection that breaks while the endpoint is open does not fail the next request."""
        server = self.model_server
        if server is None:
            pytest.skip("model_server is not set")

        async def use(run: BackendRun) -> None:
            async with run.entered(), run.opened() as endpoint, run.client(endpoint) as ask:
                await ask()
                server.drop_connections()
                try:
                    await ask()
                except KaitoError as exc:
                    raise broken(f"the endpoint must connect again after its connection was reset: {exc}") from exc

        self._run(use)

    def test_discover_can_be_cancelled(self) -> None:
        """Another backend was faster, or the user presses Ctrl-C: `discover` ends within a second."""

        async def step(run: BackendRun, moment: Moment) -> bool:
            async with run.entered():
                return await cancel_at(moment, run.discover(), "discover")

        self._cancel(step)

    def test_open_can_be_cancelled(self) -> None:
        """The user presses Ctrl-C: `open` ends within a second, and closes what it has opened."""

        async def step(run: BackendRun, moment: Moment) -> bool:
            async with run.entered():
                candidate = await run.best()

                async def opening() -> None:
                    async with run.within(run.backend.open(candidate, run.reporter), "an endpoint"):
                        pass

                return await cancel_at(moment, opening(), "open")

        self._cancel(step)

    def test_a_missing_server_is_reported(self) -> None:
        """A server that cannot be reached is a `KaitoError`, which says what is wrong."""
        made = self.make_unreachable_backend()
        if made is None:
            pytest.skip("make_unreachable_backend is not defined")

        async def use(run: BackendRun) -> None:
            try:
                async with run.connected():
                    pass
            except PluginError as exc:
                raise broken(f"an unreachable server must be a KaitoError with a message for the user: {exc}") from exc
            except KaitoError as exc:
                lines = exc.lines()
                promise(
                    exc.exit_code in _FAILURES,
                    f"the error of an unreachable server must not end with exit code {exc.exit_code:d}",
                )
                promise(
                    exc.message.strip() != "" and all("\n" not in line for line in lines),
                    f"each part of the error's message must be one line: {lines!r}",
                )
                return
            raise broken("a server that refuses connections must be an error: kaito connected to something")

        run_backend(lambda: made, use, "a failure must close everything that was opened")

    def test_a_server_that_hangs_can_be_left(self) -> None:
        """Ctrl-C ends a wait for a server that does not respond within a second."""
        made = self.make_hanging_backend()
        if made is None:
            pytest.skip("make_hanging_backend is not defined")

        async def use(run: BackendRun) -> None:
            async def connecting() -> None:
                async with run.entered(), run.opened():
                    pass

            await cancel_at(Moment(seconds=0.3), connecting(), "discover or open")

        run_backend(lambda: made, use, "a cancelled step must close everything that it has opened")

    # Within

    def _make(self) -> tuple[Backend, Settings]:
        settings = self.make_settings()
        return self.make_backend(settings), settings

    def _run(self, use: Callable[[BackendRun], Coroutine[Any, Any, None]], left: str = _CLOSED) -> None:
        run_backend(self._make, use, left)

    def _cancel(self, step: Callable[[BackendRun, Moment], Coroutine[Any, Any, bool]]) -> None:
        """Cancel a step at one moment after the other, until it ends before it is cancelled."""
        for moment in MOMENTS:
            ended: list[bool] = []

            async def once(run: BackendRun, moment: Moment = moment, ended: list[bool] = ended) -> None:
                ended.append(await step(run, moment))

            self._run(once, "a cancelled step must close everything that it has opened")
            if any(ended):
                return
