"""The API server, lost and found again, told to whoever follows something."""

from __future__ import annotations

from collections.abc import Callable

from kaito.errors import KaitoError


class ConnectionMonitor:
    """Tells once that the API server was lost, and once that it is back, however many follow something of it.

    Args:
        notice: takes one line.
    """

    def __init__(self, notice: Callable[[str], None]) -> None:
        self._notice = notice
        self._lost = False

    def lost(self, exc: KaitoError) -> None:
        """Take note that the API server does not answer any more."""
        if not self._lost:
            self._lost = True
            self._notice(f"The API server is lost, and tried again: {exc.message}")

    def back(self) -> None:
        """Take note that it answers."""
        if self._lost:
            self._lost = False
            self._notice("The API server is back")
