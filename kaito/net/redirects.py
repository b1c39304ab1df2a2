"""The target of a redirect, for a message."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from kaito.util.sanitize import one_line

#: Characters of an address that are shown.
_MAX_SHOWN = 300


def shown_location(location: str) -> str:
    """Return an address of the header `Location` that is safe to show: without user, password, query and fragment."""
    try:
        parts = urlsplit(location)
        shown = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    except ValueError:
        return "an address that is not valid"
    return one_line(shown)[:_MAX_SHOWN] or "another address"
