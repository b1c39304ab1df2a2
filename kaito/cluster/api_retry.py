"""Decides whether a request that the API server did not serve is sent again, and when. The same for every request."""

from __future__ import annotations

import random
from collections.abc import Callable

from kaito.cluster.api_errors import ApiUnavailableError

#: Attempts of a request when the API server does not say when to try again, and the base of their backoff in seconds.
_ATTEMPTS = 4
_BACKOFF = 0.25
#: Attempts when it does, as many as kubectl makes, and the seconds that they may take.
_REQUESTED_ATTEMPTS = 11
_REQUESTED_BUDGET = 60.0


class RetrySchedule:
    """The attempts of one request.

    Args:
        now: the clock's time in seconds.
        jitter: returns a factor up to 1 that spreads the retries of many clients.
    """

    def __init__(self, now: float, *, jitter: Callable[[], float] = lambda: random.uniform(0.5, 1.0)) -> None:
        self._started = now
        self._jitter = jitter
        self._failures = 0

    def delay_after(self, error: ApiUnavailableError, now: float) -> float | None:
        """Return the seconds until the next attempt; `None` when there is none."""
        self._failures += 1
        if error.retry_after is None:
            return _BACKOFF * 2**self._failures * self._jitter() if self._failures < _ATTEMPTS else None
        # Never sooner than the API server asks; and "0" must not cause a flood of requests.
        delay = max(error.retry_after, _BACKOFF)
        if self._failures >= _REQUESTED_ATTEMPTS or now - self._started + delay > _REQUESTED_BUDGET:
            return None
        return delay
