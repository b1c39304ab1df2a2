"""Tunnels to the pod of the moment, one of them dialled ahead."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from kaito.cluster.portforward.address import PodPort
from kaito.cluster.portforward.errors import TunnelError
from kaito.cluster.portforward.transport import TunnelTransport
from kaito.errors import KaitoError

P = TypeVar("P", bound=asyncio.Protocol)

#: Seconds that dialling may take.
DIAL_TIMEOUT: Final = 10.0
#: Seconds from a connection to the dialling of the next spare: its handshake must not hold up the first answer.
PAUSE: Final = 0.05


class TunnelPool:
    """Makes connections to whatever pod serves, and keeps a spare so that the next one need not be waited for.

    A spare is dialled soon after a connection has been made, by :meth:`warm` and by :meth:`switch`. One that dies, or
    cannot be dialled, is forgotten: nothing is tried again until somebody wants a connection, who then gets the error.

    Use it as an asynchronous context, in one event loop: at the end all its tunnels are closed.

    Args:
        dial: dials a tunnel. It may raise a `KaitoError`, which passes through to who wants the connection.
        locate: finds the pod when a connection is wanted and none is known: at first, after :meth:`drop`, and after
            a pod could not be dialled. It may raise likewise.
        timeout: seconds that dialling may take.
        pause: seconds from a connection to the dialling of the next spare.
    """

    def __init__(
        self,
        dial: Callable[[PodPort], Awaitable[TunnelTransport]],
        locate: Callable[[], Awaitable[PodPort]],
        *,
        timeout: float = DIAL_TIMEOUT,
        pause: float = PAUSE,
    ) -> None:
        self._dial = dial
        self._locate = locate
        self._timeout = timeout
        self._pause = pause
        self._locating = asyncio.Lock()
        self._pod: PodPort | None = None
        #: Changes with every switch: what was begun for an earlier one is of no use.
        self._era = 0
        self._tunnels: set[TunnelTransport] = set()
        self._dials: set[asyncio.Task[TunnelTransport]] = set()
        self._spare: TunnelTransport | None = None
        self._warming: asyncio.Task[None] | None = None
        self._warming_at: asyncio.TimerHandle | None = None
        #: Somebody waits for the spare that is being dialled.
        self._claimed = False
        self._closed = False

    @property
    def pod(self) -> PodPort | None:
        """The pod that connections go to; `None` while it is not known."""
        return self._pod

    async def connect(self, factory: Callable[[], P]) -> tuple[TunnelTransport, P]:
        """Make a connection, as `loop.create_connection` does.

        Raises:
            TunnelError: the pod cannot be reached.
            KaitoError: what `dial` or `locate` raised.
        """
        tunnel = await self._take()
        protocol = factory()
        tunnel.start(protocol)
        if self._warming_at is None and not self._closed:
            self._warming_at = asyncio.get_running_loop().call_later(self._pause, self.warm)
        return tunnel, protocol

    async def prepare(self) -> None:
        """Dial a spare now, and wait for it.

        Raises:
            TunnelError: the pod cannot be reached.
            KaitoError: what `dial` or `locate` raised.
        """
        self._keep(await self._fresh())

    def warm(self) -> None:
        """Have a spare dialled in the background, unless there is one."""
        self._cancel_warming()
        if not self._closed and self._warming is None and not self._has_spare():
            self._warming = asyncio.create_task(self._warm(), name="dial ahead")
            self._warming.add_done_callback(self._on_warm)

    def switch(self, pod: PodPort, reason: str = "The pod was replaced") -> None:
        """Lead connections to another pod from now on. Those to the old one fail at once.

        Args:
            pod: the new one; it may have the old one's name.
            reason: what the connections fail with.
        """
        self.drop(reason)
        self._pod = pod
        self.warm()

    def drop(self, reason: str = "The pod has gone", *, cut: bool = True) -> None:
        """Forget the pod: the next connection asks where to go.

        Args:
            reason: what connections to it fail with.
            cut: whether they fail at once, or may come to their own end.
        """
        self._era += 1
        leaving = [tunnel for tunnel in self._tunnels if cut or tunnel is self._spare]
        self._pod = self._spare = None
        for task in self._dials:
            task.cancel()
        for tunnel in leaving:
            tunnel.fail(TunnelError(reason))

    async def aclose(self) -> None:
        """Close all tunnels and wait until nothing is left of them."""
        self._closed = True
        self._cancel_warming()
        self.drop("The tunnels were closed")
        if self._warming is not None:
            self._warming.cancel()
        while ends := self._ends():
            await asyncio.wait(ends)

    def _ends(self) -> list[asyncio.Future[Any]]:
        tasks = [*self._dials] if self._warming is None else [*self._dials, self._warming]
        return [*tasks, *(tunnel.closed for tunnel in self._tunnels)]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _take(self) -> TunnelTransport:
        """Return the spare, else the one that is being dialled, else a new one."""
        while not self._has_spare() and self._warming is not None and not self._claimed:
            self._claimed = True
            try:
                await asyncio.wait({self._warming})
            finally:
                self._claimed = False
        if self._spare is not None and self._has_spare():
            spare, self._spare = self._spare, None
            return spare
        return await self._fresh()

    def _has_spare(self) -> bool:
        return self._spare is not None and not self._spare.is_closing()

    async def _fresh(self) -> TunnelTransport:
        """Dial the pod; begin again when it is replaced meanwhile."""
        while not self._closed:
            pod = await self._located()
            era = self._era
            task = asyncio.create_task(self._dial_in_time(pod, era), name=f"dial {pod}")
            self._dials.add(task)
            task.add_done_callback(self._on_dialled)
            try:
                await asyncio.wait({task})
            except asyncio.CancelledError:
                task.cancel()
                if task.done() and not task.cancelled() and task.exception() is None:
                    self._keep(task.result())
                raise
            if era != self._era:
                continue
            if task.exception() is not None:
                self._pod = None
            return task.result()
        raise TunnelError("The tunnels were closed")

    async def _located(self) -> PodPort:
        async with self._locating:
            while self._pod is None:
                era = self._era
                pod = await self._locate()
                if era == self._era:
                    self._pod = pod
            return self._pod

    async def _dial_in_time(self, pod: PodPort, era: int) -> TunnelTransport:
        try:
            async with asyncio.timeout(self._timeout) as limit:
                tunnel = await self._dial(pod)
        except TimeoutError as exc:
            if not limit.expired():
                raise
            raise TunnelError(f"No tunnel to {pod} within {self._timeout:g} s") from exc
        self._tunnels.add(tunnel)
        tunnel.closed.add_done_callback(lambda _: self._tunnels.discard(tunnel))
        if era != self._era:
            tunnel.abort()
        return tunnel

    def _on_dialled(self, task: asyncio.Task[TunnelTransport]) -> None:
        self._dials.discard(task)
        if not task.cancelled():
            task.exception()  # who asked may have gone: then nobody looks at it

    async def _warm(self) -> None:
        # The next connection meets the failure by itself.
        try:
            with suppress(OSError, KaitoError):
                self._keep(await self._fresh())
        finally:
            # Now, not when the task is seen to be done: a switch between the two would be left without a spare.
            self._warming = None

    def _cancel_warming(self) -> None:
        if self._warming_at is not None:
            self._warming_at.cancel()
            self._warming_at = None

    def _on_warm(self, task: asyncio.Task[None]) -> None:
        if self._warming is task:
            self._warming = None  # it was cancelled before it began

    def _keep(self, tunnel: TunnelTransport) -> None:
        if self._has_spare() or self._closed:
            tunnel.abort()
        else:
            self._spare = tunnel
