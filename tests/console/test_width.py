"""How much room text takes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.console.width import shorten, width


@pytest.mark.parametrize(("text", "cells"), [("", 0), ("abc", 3), ("長い", 4), ("é", 1), ("e\u0301", 1), ("🤖!", 3)])
def test_the_width(text, cells):
    assert width(text) == cells


@pytest.mark.parametrize(
    ("text", "cells", "shown"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("長い字", 6, "長い字"),
        ("長い字", 5, "長い…"),
        ("長い字", 4, "長…"),
        ("ab", 1, "…"),
    ],
)
def test_what_fits(text, cells, shown):
    assert shorten(text, cells) == shown


@given(st.text(), st.integers(1, 40))
def test_nothing_is_wider_than_it_may_be(text, cells):
    shown = shorten(text, cells)
    assert width(shown) <= cells
    assert shown == text or (shown.endswith("…") and text.startswith(shown[:-1]))
