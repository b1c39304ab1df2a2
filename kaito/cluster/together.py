"""Several things at once, and their end."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

A = TypeVar("A")
B = TypeVar("B")


async def ended(task: asyncio.Task[Any]) -> None:
    """Cancel a task and wait until it has cleaned up. Nobody looks at what becomes of it."""
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.exception()


async def both(one: Coroutine[Any, Any, A], other: Coroutine[Any, Any, B]) -> tuple[A, B]:
    """Return what two return, which run at once; when one fails, the other has ended, too."""
    tasks = asyncio.create_task(one), asyncio.create_task(other)
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
