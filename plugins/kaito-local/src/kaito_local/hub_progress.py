"""What a download reports from its thread, and how it is stopped."""

from __future__ import annotations

import threading
import time
from typing import Any


class Cancelled(Exception):
    """The user has interrupted the download."""


class Progress:
    """The state of a download. It is written by the thread that downloads, and read by the event loop."""

    def __init__(self, text: str) -> None:
        #: What is being done, for people.
        self.text = text
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """Make the download end at its next step."""
        self._cancelled.set()

    def check(self) -> None:
        """Raise `Cancelled` after :meth:`cancel` was called."""
        if self._cancelled.is_set():
            raise Cancelled

    def bar(self, name: str) -> Any:
        """Return what huggingface_hub takes for a class of tqdm's progress bars.

        Args:
            name: of what is downloaded.
        """
        progress = self

        class Bar:
            def __init__(self, *_: object, total: int | None = None, initial: int = 0, **__: object) -> None:
                self._total = total or 0
                self._done = self._first = initial
                self._start = time.monotonic()
                self.update(0)

            def update(self, count: int = 1) -> None:
                progress.check()
                self._done += count
                seconds = time.monotonic() - self._start
                # At first, what was buffered makes it look too fast.
                speed = (self._done - self._first) / seconds if seconds > 1 else 0
                progress.text = f"downloading {name}: {progress_text(self._done, self._total, speed)}"

            def __enter__(self) -> Any:
                return self

            def __exit__(self, *_: object) -> None: ...

            def close(self) -> None: ...

        return Bar


def progress_text(done: int, total: int, speed: float) -> str:
    """Return how far a download is.

    Args:
        done: bytes.
        total: bytes, 0 if unknown.
        speed: bytes per second, 0 if unknown.
    """
    text = f"{min(100, done * 100 // total)} % of {size_text(total)}" if total else size_text(done)
    if speed:
        text += f", {size_text(int(speed))}/s"
        if total > done:
            text += f", {duration_text((total - done) / speed)} left"
    return text


def size_text(count: int) -> str:
    """Return a number of bytes for people: `93 MB`, `4.1 GB`."""
    return f"{count / 1e9:.1f} GB" if count >= 999_500_000 else f"{count / 1e6:.0f} MB"


def duration_text(seconds: float) -> str:
    """Return a rounded duration: `40 s`, `3 min`, `2 h`."""
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{round(seconds / 3600)} h"
