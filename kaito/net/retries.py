"""How long servers are retried: the limits for the API server and for a model's, and the header `Retry-After`."""

from __future__ import annotations

import re
from collections.abc import Mapping

#: Seconds after which a server is given up that has never answered and refuses connections.
REFUSED_BUDGET = 3.0
#: Seconds after which a busy server, or one that became unreachable during the session, is given up.
BUSY_BUDGET = 60.0
#: Seconds: the longest delay between two attempts.
MAX_DELAY = 8.0
#: Characters that a date may have.
_MAX_DATE = 64


def parse_retry_after(headers: Mapping[str, str]) -> float | None:
    """Return `Retry-After` (RFC 9110, 10.2.3) in seconds; `None` without one, and for a value that makes no sense.

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
