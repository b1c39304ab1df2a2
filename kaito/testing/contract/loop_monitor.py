"""Finds out whether something blocks an event loop."""

from __future__ import annotations

import asyncio
import sys
import sysconfig
import threading
import traceback
from types import FrameType, TracebackType
from typing import Self

from kaito.testing.contract.promises import promise

#: Seconds for which a loop may be blocked: so long no signal and no other task is served.
BLOCKED_LIMIT = 1.0
#: Seconds between two looks at the loop.
_INTERVAL = 0.05


class LoopMonitor:
    """Watches the event loop of this thread from another one. Use it as a context manager, in the loop.

    What counts are looks, not time: on a busy machine, the watching thread is as late as the loop.

    Raises:
        AssertionError: at the end, if the loop was blocked; it says where.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._stop = threading.Event()
        self._rounds = 0
        self._blocked_at = ""
        self._watcher = threading.Thread(target=self._watch, name="loop-monitor", daemon=True)

    def __enter__(self) -> Self:
        self._begin_round()
        self._watcher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._watcher.join()
        self._timer.cancel()
        if kind is None:
            self.check()

    def check(self) -> None:
        """Fail if the loop was blocked so far.

        Raises:
            AssertionError: it was.
        """
        promise(
            not self._blocked_at,
            f"it must not block the event loop for more than {BLOCKED_LIMIT:g} s, as it did in {self._blocked_at}; "
            "use asyncio, or asyncio.to_thread",
        )

    def _begin_round(self) -> None:
        self._rounds += 1
        self._timer = self._loop.call_later(_INTERVAL / 4, self._begin_round)

    def _watch(self) -> None:
        looks, rounds = 0, self._rounds
        while not self._stop.wait(_INTERVAL):
            frame = sys._current_frames().get(self._thread)
            if rounds != self._rounds or frame is None or _waits_for_events(frame):
                looks, rounds = 0, self._rounds
                continue
            looks += 1
            if looks * _INTERVAL >= BLOCKED_LIMIT:
                self._blocked_at = self._blocked_at or _place(frame)


def _waits_for_events(frame: FrameType) -> bool:
    """Return whether a loop is where it waits for events, and so late because the machine is busy."""
    caller = frame.f_back
    return caller is not None and caller.f_code.co_name == "_run_once"


def _place(frame: FrameType) -> str:
    """Return where a thread is: the innermost line outside Python's own library."""
    library = sysconfig.get_path("stdlib")
    lines = traceback.extract_stack(frame)
    outside = [line for line in lines if not line.filename.startswith(library) or "site-packages" in line.filename]
    line = (outside or lines)[-1]
    return f"{line.filename}:{line.lineno}, in {line.name}: {line.line}"
