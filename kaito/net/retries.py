"""How long requests to the API server and to a model's server are retried, and the header `Retry-After`."""

from __future__ import annotations

import re
from collections.abc import Mapping

#: Seconds of retries for a server that has never answered and refuses connections.
REFUSED_BUDGET = 3.0
#: Seconds of retries for a busy server, and for one that became unreachable during the session.
BUSY_BUDGET = 60.0
#: The longest delay between two attempts, in seconds.
MAX_DELAY = 8.0
#: The most characters of a date that are parsed.
_MAX_DATE = 64


def parse_retry_after(headers: Mapping[str, str]) -> float | None:
    """Return `Retry-After` (RFC 9110, 10.2.3) in seconds; `None` if it is missing or not valid.

    A date is compared with the server's own `Date`.
    """
    value = headers.get("Retry-After", "").strip()[:_MAX_DATE]
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", value, re.ASCII):
        return float(value)
    if not value:
        return None
    from email.utils import parsedate_to_datetime

    try:
        until = parsedate_to_datetime(value) - parsedate_to_datetime(headers.get("Date", "")[:_MAX_DATE])
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return max(0.0, until.total_seconds())
