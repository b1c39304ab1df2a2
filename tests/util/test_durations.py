"""Ages and durations in the format of kubectl."""

import datetime

import pytest

from kaito.util.durations import age, human_duration, parse_timestamp

MINUTE, HOUR, DAY, YEAR = 60, 3600, 86400, 365 * 86400


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0s"),
        (0, "0s"),
        (47.9, "47s"),
        (119, "119s"),
        (2 * MINUTE, "2m"),
        (9 * MINUTE + 59, "9m59s"),
        (10 * MINUTE + 1, "10m"),
        (179 * MINUTE, "179m"),
        (3 * HOUR, "3h"),
        (3 * HOUR + 12 * MINUTE, "3h12m"),
        (8 * HOUR + 5 * MINUTE, "8h"),
        (47 * HOUR, "47h"),
        (2 * DAY + 3 * HOUR, "2d3h"),
        (5 * DAY, "5d"),
        (9 * DAY + 23 * HOUR, "9d"),
        (700 * DAY, "700d"),
        (2 * YEAR + DAY, "2y1d"),
        (9 * YEAR + 200 * DAY, "9y"),
        (float("inf"), "10000y"),
    ],
)
def test_human_duration(seconds, text):
    assert human_duration(seconds) == text


def test_age():
    now = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)
    assert age("2026-01-01T11:59:13Z", now) == "47s"
    assert age("2025-12-27T12:00:00.000001Z", now) == "4d23h"
    assert age("2026-01-01T12:00:30Z", now) == "0s"


@pytest.mark.parametrize("timestamp", ["", "yesterday", "2026-01-01T12:00:00", "2026-13-01T12:00:00Z"])
def test_an_invalid_timestamp(timestamp):
    assert parse_timestamp(timestamp) is None
    assert age(timestamp) == "-"
