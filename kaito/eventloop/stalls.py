"""Detects code that blocks the event loop, so that nothing else runs, not even a tunnel's answer to a ping."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Self

from kaito.eventloop.background_exits import running_plugin

#: Seconds after which a callback counts as blocking, and seconds between two checks.
LIMIT, _INTERVAL = 1.0, 0.2


class StallWatch:
    """Reports each callback or step of a task that takes longer than :data:`LIMIT`, once, while it runs.

    It inspects the loop's thread a few times a second, so it runs with `--verbose` only.

    Args:
        thread: returns the identity of the thread that the loop runs on.
        report: called with one line, on a thread of its own.
    """

    def __init__(self, thread: Callable[[], int | None], report: Callable[[str], None]) -> None:
        self._thread = thread
        self._report = report
        self._over = threading.Event()

    def start(self) -> Self:
        """Start watching."""
        threading.Thread(target=self._watch, name="kaito-stalls", daemon=True).start()
        return self

    def stop(self) -> None:
        """Stop watching."""
        self._over.set()

    def _watch(self) -> None:
        watched: asyncio.Handle | None = None
        since, reported = 0.0, False
        while not self._over.wait(_INTERVAL):
            innermost = sys._current_frames().get(self._thread() or 0)
            handle, now = _running_handle(innermost), time.monotonic()
            if handle is None or handle is not watched:
                # Kept, so that no later one can be taken for it.
                watched, since, reported = handle, now, False
            elif not reported and now - since >= LIMIT and innermost is not None:
                reported = True
                self._report(_description(handle, innermost))


def _running_handle(frame: FrameType | None) -> asyncio.Handle | None:
    """Return what the event loop runs in a thread."""
    while frame is not None:
        if frame.f_code is asyncio.Handle._run.__code__:
            handle: asyncio.Handle = frame.f_locals["self"]
            return handle
        frame = frame.f_back
    return None


def _description(handle: asyncio.Handle, innermost: FrameType) -> str:
    plugin = getattr(handle, "_context", {}).get(running_plugin)
    name = f"Plugin {plugin}" if plugin is not None else "Something"
    code = innermost.f_code
    place = f"{code.co_filename}:{innermost.f_lineno}, in {code.co_qualname}"
    return f"{name} has blocked the event loop for more than {LIMIT:g} s: {place}"
