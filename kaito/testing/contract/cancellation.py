"""Cancels what a backend does, at different moments."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from msgspec import Struct

from kaito.testing.contract.promises import broken, promise

#: Seconds within which a cancelled step must have ended.
CANCEL_LIMIT = 1.0


class Moment(Struct, frozen=True):
    """When a step is cancelled."""

    #: After so many rounds of the event loop, and then after so many seconds.
    rounds: int = 0
    seconds: float = 0.0

    async def arrive(self) -> None:
        """Wait for the moment."""
        for _ in range(self.rounds):
            await asyncio.sleep(0)
        if self.seconds:
            await asyncio.sleep(self.seconds)

    def __str__(self) -> str:
        return f"after {self.seconds:g} s" if self.seconds else f"after {self.rounds} rounds of the event loop"


#: From the first moment to a late one.
MOMENTS = (
    *[Moment(rounds=rounds) for rounds in (*range(13), 16, 21, 34)],
    *[Moment(seconds=seconds) for seconds in (0.01, 0.05, 0.2)],
)


async def cancel_at(moment: Moment, step: Coroutine[Any, Any, object], what: str) -> bool:
    """Start a step and cancel it at a moment; return whether it had ended before.

    Raises:
        AssertionError: it does not end in time, or not as a cancelled coroutine does.
    """
    task = asyncio.create_task(step)
    await moment.arrive()
    if task.done():
        task.result()
        return True
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=CANCEL_LIMIT)
    promise(bool(done), f"{what} must end within {CANCEL_LIMIT:g} s when it is cancelled, as it was {moment}")
    if not task.cancelled():
        exc = task.exception()
        how = f"raised {type(exc).__name__}: {exc}" if exc is not None else "returned"
        raise broken(f"{what} must pass on CancelledError when it is cancelled, as it was {moment}; it {how}") from exc
    return False
