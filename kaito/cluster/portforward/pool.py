"""Keeps a spare tunnel to the current pod open, so that the next connection does not have to wait."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from kaito.cluster.portforward.protocol import PodPort, TunnelError
from kaito.cluster.portforward.transport import TunnelTransport
from kaito.errors import KaitoError

P = TypeVar("P", bound=asyncio.Protocol)

#: Seconds from a connection until the next spare is opened, so that its handshake does not delay the first response.
SPARE_DELAY: Final = 0.05


class TunnelPool:
    """Opens connections to the current pod, and keeps a spare tunnel for the next one.

    A spare is opened soon after each connection, and by :meth:`warm` and :meth:`switch`. If that fails or the spare
    dies, nothing is retried until a connection is requested, which then gets the error.

    Use it as an asynchronous context manager, in one event loop: at the end all its tunnels are closed.

    Args:
        dial: opens a tunnel. A `KaitoError` of it or of `locate` is passed on to the caller of :meth:`connect`.
        locate: finds the pod when none is known: at first, after :meth:`drop`, and after a pod could not be reached.
        spare_delay: seconds after a connection at which the next spare is opened.
    """

    def __init__(
        self,
        dial: Callable[[PodPort], Awaitable[TunnelTransport]],
        locate: Callable[[], Awaitable[PodPort]],
        *,
        spare_delay: float = SPARE_DELAY,
    ) -> None:
        self._dial = dial
        self._locate = locate
        self._spare_delay = spare_delay
        self._locating = asyncio.Lock()
        self._pod: PodPort | None = None
        #: Incremented by every switch. Results for an earlier generation are discarded.
        self._generation = 0
        self._tunnels: set[TunnelTransport] = set()
        self._dials: set[asyncio.Task[TunnelTransport]] = set()
        self._spare: TunnelTransport | None = None
        self._warming: asyncio.Task[None] | None = None
        self._warm_timer: asyncio.TimerHandle | None = None
        #: Whether a caller waits for the spare that is being opened.
        self._claimed = False
        self._closed = False

    @property
    def pod(self) -> PodPort | None:
        """The pod that connections go to; `None` while it is not known."""
        return self._pod

    async def connect(self, factory: Callable[[], P]) -> tuple[TunnelTransport, P]:
        """Open a connection, as `loop.create_connection` does.

        Raises:
            TunnelError: the pod cannot be reached.
        """
        tunnel = await self._take()
        protocol = factory()
        tunnel.start(protocol)
        if self._warm_timer is None and not self._closed:
            self._warm_timer = asyncio.get_running_loop().call_later(self._spare_delay, self.warm)
        return tunnel, protocol

    async def prepare(self) -> None:
        """Open a spare now, and wait for it. The errors are those of :meth:`connect`."""
        self._keep(await self._open())

    def warm(self) -> None:
        """Open a spare in the background, unless there is one."""
        self._cancel_warm_timer()
        if not self._closed and self._warming is None and not self._has_spare():
            self._warming = asyncio.create_task(self._warm(), name="open a spare tunnel")
            self._warming.add_done_callback(self._on_warm)

    def switch(self, pod: PodPort, reason: str = "The pod was replaced") -> None:
        """Open new connections to another pod, which may have the same name. The old ones fail with the reason."""
        self.drop(reason)
        self._pod = pod
        self.warm()

    def drop(self, reason: str = "The pod no longer exists", *, cut: bool = True) -> None:
        """Forget the pod: the next connection locates it again. With `cut`, open connections fail with the reason."""
        self._generation += 1
        dropped = [tunnel for tunnel in self._tunnels if cut or tunnel is self._spare]
        self._pod = self._spare = None
        for task in self._dials:
            task.cancel()
        for tunnel in dropped:
            tunnel.fail(TunnelError(reason))

    async def aclose(self) -> None:
        """Close all tunnels, and wait until they have ended."""
        self._closed = True
        self._cancel_warm_timer()
        self.drop("The tunnels were closed")
        if self._warming is not None:
            self._warming.cancel()
        while pending := self._pending():
            await asyncio.wait(pending)

    def _pending(self) -> list[asyncio.Future[Any]]:
        tasks = [*self._dials] if self._warming is None else [*self._dials, self._warming]
        return [*tasks, *(tunnel.closed for tunnel in self._tunnels)]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _take(self) -> TunnelTransport:
        """Return the spare, otherwise the one that is being opened, otherwise a new tunnel."""
        while not self._has_spare() and self._warming is not None and not self._claimed:
            self._claimed = True
            try:
                await asyncio.wait({self._warming})
            finally:
                self._claimed = False
        if self._spare is not None and self._has_spare():
            spare, self._spare = self._spare, None
            return spare
        return await self._open()

    def _has_spare(self) -> bool:
        return self._spare is not None and not self._spare.is_closing()

    async def _open(self) -> TunnelTransport:
        """Open a tunnel to the pod, and start again if the pod is replaced meanwhile."""
        while not self._closed:
            pod = await self._located()
            generation = self._generation
            task = asyncio.create_task(self._dial_once(pod, generation), name=f"dial {pod}")
            self._dials.add(task)
            task.add_done_callback(self._on_dialled)
            try:
                await asyncio.wait({task})
            except asyncio.CancelledError:
                task.cancel()
                if task.done() and not task.cancelled() and task.exception() is None:
                    self._keep(task.result())
                raise
            if generation != self._generation:
                continue
            if task.exception() is not None:
                self._pod = None
            return task.result()
        raise TunnelError("The tunnels were closed")

    async def _located(self) -> PodPort:
        async with self._locating:
            while self._pod is None:
                generation = self._generation
                pod = await self._locate()
                if generation == self._generation:
                    self._pod = pod
            return self._pod

    async def _dial_once(self, pod: PodPort, generation: int) -> TunnelTransport:
        tunnel = await self._dial(pod)
        self._tunnels.add(tunnel)
        tunnel.closed.add_done_callback(lambda _: self._tunnels.discard(tunnel))
        if generation != self._generation:
            tunnel.abort()
        return tunnel

    def _on_dialled(self, task: asyncio.Task[TunnelTransport]) -> None:
        self._dials.discard(task)
        if not task.cancelled():
            task.exception()  # marks it as retrieved: the caller may have been cancelled

    async def _warm(self) -> None:
        try:
            # A connection that needs a tunnel will get the error itself.
            with suppress(OSError, KaitoError):
                self._keep(await self._open())
        finally:
            # Not in the done callback: a switch before it ran would not open a spare.
            self._warming = None

    def _cancel_warm_timer(self) -> None:
        if self._warm_timer is not None:
            self._warm_timer.cancel()
            self._warm_timer = None

    def _on_warm(self, task: asyncio.Task[None]) -> None:
        if self._warming is task:
            self._warming = None  # it was cancelled before it started

    def _keep(self, tunnel: TunnelTransport) -> None:
        if self._has_spare() or self._closed:
            tunnel.abort()
        else:
            self._spare = tunnel
