"""A reporter that checks how it is called."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from kaito.testing.reporter import RecordingReporter

#: Seconds without a report after which kaito gives up a backend.
SILENCE_LIMIT = 35.0


class StrictReporter(RecordingReporter):
    """Records reports, and what is wrong with them.

    Attributes:
        faults: calls that the protocol of reporters does not allow.
        scopes: time limits that each report restarts.
    """

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.scopes: set[asyncio.Timeout] = set()
        self._loop = asyncio.get_running_loop()

    def status(self, text: str) -> None:
        """Record a status."""
        self._check("status", text)
        super().status(text)

    def retrying(self, reason: str, delay: float) -> None:
        """Record a retry."""
        self._check("retrying", reason)
        number: object = delay
        if not isinstance(number, int | float) or not 0 <= number < float("inf"):
            self.faults.append(f"retrying takes seconds, not {delay!r}")
        super().retrying(reason, delay)

    def notice(self, text: str) -> None:
        """Record a notice."""
        self._check("notice", text)
        super().notice(text)

    def _check(self, method: str, text: object) -> None:
        if not isinstance(text, str):
            self.faults.append(f"{method} takes text, not {text!r}")
        # Any thread may report.
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._restart)

    def _restart(self) -> None:
        for scope in self.scopes:
            if not scope.expired():
                scope.reschedule(self._loop.time() + SILENCE_LIMIT)
