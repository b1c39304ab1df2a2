"""Formats ages and durations as kubectl does: `47s`, `3h12m`, `5d`."""

from __future__ import annotations

from datetime import UTC, datetime

_MINUTE, _HOUR, _DAY, _YEAR = 60, 3600, 86400, 365 * 86400
# Upper limit in seconds, the unit below it, and the smaller unit shown with it when that is not zero:
# https://github.com/kubernetes/apimachinery/blob/master/pkg/util/duration/duration.go
_STEPS = (
    (2 * _MINUTE, (1, "s"), None),
    (10 * _MINUTE, (_MINUTE, "m"), (1, "s")),
    (3 * _HOUR, (_MINUTE, "m"), None),
    (8 * _HOUR, (_HOUR, "h"), (_MINUTE, "m")),
    (2 * _DAY, (_HOUR, "h"), None),
    (8 * _DAY, (_DAY, "d"), (_HOUR, "h")),
    (2 * _YEAR, (_DAY, "d"), None),
    (8 * _YEAR, (_YEAR, "y"), (_DAY, "d")),
    (float("inf"), (_YEAR, "y"), None),
)


def human_duration(seconds: float) -> str:
    """Return a duration in one or two units; `0s` for a negative one, which a clock that is ahead produces."""
    # The upper bound keeps infinity printable.
    total = int(min(max(seconds, 0), 10_000 * _YEAR))
    (size, unit), smaller = next((unit, smaller) for limit, unit, smaller in _STEPS if total < limit)
    count, rest = divmod(total, size)
    text = f"{count}{unit}"
    if smaller is not None and (more := rest // smaller[0]):
        text += f"{more}{smaller[1]}"
    return text


def age(timestamp: str, now: datetime | None = None) -> str:
    """Return the time since a Kubernetes timestamp; `-` when it is not valid."""
    then = parse_timestamp(timestamp)
    return "-" if then is None else human_duration(((now or datetime.now(UTC)) - then).total_seconds())


def parse_timestamp(timestamp: str) -> datetime | None:
    """Return the time of a Kubernetes timestamp; `None` when it is not valid."""
    try:
        time = datetime.fromisoformat(timestamp)
    except ValueError:
        return None
    return time if time.tzinfo is not None else None
