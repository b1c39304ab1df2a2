"""Finish reasons of servers."""

import pytest

from kaito.openai.finish_reasons import Ending, ending_of, finish_reason


@pytest.mark.parametrize(
    ("reason", "ending"),
    [
        ("stop", Ending.COMPLETE),
        ("eos", Ending.COMPLETE),
        ("STOP", Ending.COMPLETE),
        ("end_turn", Ending.COMPLETE),
        ("length", Ending.LENGTH),
        ("MAX_TOKENS", Ending.LENGTH),
        ("content_filter", Ending.FILTERED),
        ("content-filter", Ending.FILTERED),
        ("tool_calls", Ending.TOOL),
        ("abort", Ending.BROKEN),
        ("error", Ending.BROKEN),
        ("whatever", Ending.BROKEN),
    ],
)
def test_what_a_reason_means(reason, ending):
    assert ending_of(reason) is ending


@pytest.mark.parametrize(
    ("value", "reason"),
    [("stop", "stop"), ({"type": "length", "length": 5}, "length"), ("null", None), ("", None), (None, None), ({}, None), ([], None)],
)  # fmt: skip
def test_the_reason_in_a_choice(value, reason):
    assert finish_reason(value) == reason
