"""Parses the header `Retry-After`."""

from __future__ import annotations

import re
from collections.abc import Mapping


def parse_retry_after(headers: Mapping[str, str]) -> float | None:
    """Return `Retry-After` (RFC 9110, 10.2.3) in seconds; `None` without one, and for a value that makes no sense.

    A date is compared with the server's own `Date`.
    """
    value = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", value, re.ASCII):
        return float(value)
    if not value:
        return None
    from email.utils import parsedate_to_datetime

    try:
        until = parsedate_to_datetime(value) - parsedate_to_datetime(headers.get("Date", ""))
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return max(0.0, until.total_seconds())
