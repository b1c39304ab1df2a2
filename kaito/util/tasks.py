"""Helpers to run and cancel asyncio tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

A = TypeVar("A")
B = TypeVar("B")


async def cancel_and_wait(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks and wait until they have ended. Their exceptions are dropped."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # marks it as retrieved


async def gather_both(one: Coroutine[Any, Any, A], other: Coroutine[Any, Any, B]) -> tuple[A, B]:
    """Run two coroutines concurrently and return both results. When one fails, the other is cancelled."""
    tasks = asyncio.create_task(one), asyncio.create_task(other)
    try:
        return await asyncio.gather(*tasks)
    finally:
        await cancel_and_wait(*tasks)


class SingleFlight(Generic[A]):
    """Runs one coroutine for all who wait at the same time: its result, or its failure, is everyone's."""

    def __init__(self) -> None:
        self._flight: _Flight[A] | None = None

    @property
    def is_running(self) -> bool:
        """Whether :meth:`join` joins a coroutine that runs already."""
        return self._flight is not None and not self._flight.task.done()

    async def join(self, start: Callable[[], Coroutine[Any, Any, A]]) -> A:
        """Return the result of what runs already, otherwise of a new coroutine. The last one to leave cancels it.

        Raises:
            BaseException: what the coroutine raises.
        """
        flight = self._flight
        if flight is None or flight.task.done():
            flight = self._flight = _Flight(asyncio.create_task(start()))
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                self._flight = None
                await cancel_and_wait(flight.task)


class _Flight(Generic[A]):
    def __init__(self, task: asyncio.Task[A]) -> None:
        self.task = task
        self.waiting = 0
