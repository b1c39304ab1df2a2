"""Decides whether and when a failed request to the API server is sent again, in the same way for all requests.

The limits are those for a model's server; `Retry-After` is respected as kubectl does.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from kaito.cluster.api_errors import ApiRefusedError, ApiUnavailableError
from kaito.errors import ClusterError
from kaito.net.retries import BUSY_BUDGET, MAX_DELAY, REFUSED_BUDGET

#: Statuses of a server that is busy or starting. Other failures may be permanent, and are retried only a few times.
BUSY_STATUSES = (429, 502, 503)
_ATTEMPTS = 4
#: Attempts while the API server says when to try again; as many as kubectl's.
_REQUESTED_ATTEMPTS = 11
#: The first delay of the exponential backoff, in seconds.
_BACKOFF = 0.25


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

    def delay_after(self, error: ClusterError, now: float) -> float | None:
        """Return the seconds until the next attempt; `None` to give up."""
        self._failures += 1
        delay: float = min(_BACKOFF * 2**self._failures, MAX_DELAY) * self._jitter()
        attempts, budget = _ATTEMPTS, BUSY_BUDGET
        match error:
            case ApiRefusedError():
                attempts, budget = _REQUESTED_ATTEMPTS, REFUSED_BUDGET
                delay = min(delay, REFUSED_BUDGET / 4)
            case ApiUnavailableError(retry_after=float() as requested):
                # Never sooner than the API server asks, and not at once if it asks for 0 seconds.
                attempts, delay = _REQUESTED_ATTEMPTS, max(requested, _BACKOFF)
            case ApiUnavailableError(status=status) if status in BUSY_STATUSES:
                attempts = _REQUESTED_ATTEMPTS
        if self._failures >= attempts or now - self._started + delay > budget:
            return None
        return delay
