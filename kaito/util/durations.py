"""Ages and durations as kubectl prints them: `47s`, `3h12m`, `5d`."""

from __future__ import annotations

from datetime import UTC, datetime

_MINUTE, _HOUR, _DAY, _YEAR = 60, 3600, 86400, 365 * 86400
# Below so many seconds: the unit, and the smaller one that is shown with it while it tells something.
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
    """Return a duration, the shorter the more precisely. A negative one is a clock that is ahead, and counts as none.

    https://github.com/kubernetes/apimachinery/blob/master/pkg/util/duration/duration.go has the limits.
    """
    # Whatever a server calls a duration can be printed.
    left = int(min(max(seconds, 0), 10_000 * _YEAR))
    (size, unit), smaller = next((big, small) for limit, big, small in _STEPS if left < limit)
    count, rest = divmod(left, size)
    text = f"{count}{unit}"
    if smaller is not None and (more := rest // smaller[0]):
        text += f"{more}{smaller[1]}"
    return text


def age(timestamp: str, now: datetime | None = None) -> str:
    """Return how long ago a Kubernetes timestamp was; `-` for what is none."""
    then = read_time(timestamp)
    return "-" if then is None else human_duration(((now or datetime.now(UTC)) - then).total_seconds())


def read_time(timestamp: str) -> datetime | None:
    """Return a Kubernetes timestamp's time; `None` for what is none."""
    try:
        time = datetime.fromisoformat(timestamp)
    except ValueError:
        return None
    return time if time.tzinfo is not None else None
