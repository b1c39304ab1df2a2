"""A reporter for tests: records what a backend reports."""

from __future__ import annotations


class RecordingReporter:
    """A :class:`~kaito.types.Reporter` that records everything and shows nothing.

    ::

        reporter = RecordingReporter()
        candidates = await backend.discover(target, reporter)
        assert reporter.notices == ["lab: the printer answered instead of the model"]

    Attributes:
        statuses: the texts of :meth:`status`, `""` included.
        notices: the texts of :meth:`notice`.
        retries: the arguments of :meth:`retrying`: the reason and the seconds until the next attempt.
    """

    def __init__(self) -> None:
        self.statuses: list[str] = []
        self.notices: list[str] = []
        self.retries: list[tuple[str, float]] = []

    def status(self, text: str) -> None:
        """Record a status."""
        self.statuses.append(text)

    def retrying(self, reason: str, delay: float) -> None:
        """Record a retry."""
        self.retries.append((reason, delay))

    def notice(self, text: str) -> None:
        """Record a notice."""
        self.notices.append(text)
