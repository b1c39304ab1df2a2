"""How many columns text takes, and text cut or padded to that."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.console.width import clip, pad, shorten, width

# Letters of several characters.
WASTEBASKET, HEART, PLAIN_HEART = "🗑\ufe0f", "❤\ufe0f", "❤"
FAMILY, THUMB, FLAG, ASTRONAUT = "👨\u200d👩\u200d👧\u200d👦", "👍🏽", "🇩🇪", "👩🏾\u200d🚀"
KEYCAP, RAINBOW, ACCENT, SYLLABLE = "1\ufe0f\u20e3", "🏳\ufe0f\u200d🌈", "e\u0301", "ᄒ\u1161\u11ab"
LETTERS = (
    WASTEBASKET,
    HEART,
    PLAIN_HEART,
    FAMILY,
    THUMB,
    FLAG,
    ASTRONAUT,
    KEYCAP,
    RAINBOW,
    ACCENT,
    SYLLABLE,
    "長",
    "a",
)


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("", 0),
        ("abc", 3),
        ("naïve – “x” …", 13),
        ("長い", 4),
        ("é", 1),
        (ACCENT, 1),
        ("a\u0300\u0301b", 2),
        ("🤖!", 3),
        (WASTEBASKET, 2),
        (HEART, 2),
        (PLAIN_HEART, 1),
        (FAMILY, 2),
        (THUMB, 2),
        (FLAG, 2),
        (FLAG * 2, 4),
        (ASTRONAUT, 2),
        (KEYCAP, 2),
        (RAINBOW, 2),
        (SYLLABLE, 2),
        ("a\u200bb", 2),
    ],
)
def test_the_width(text, columns):
    assert width(text) == columns


@pytest.mark.parametrize(
    ("text", "columns", "shown"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("長い字", 6, "長い字"),
        ("長い字", 5, "長い…"),
        ("長い字", 4, "長…"),
        ("ab", 1, "…"),
        (f"a{FAMILY}b", 3, "a…"),
        (f"a{FAMILY}bc", 4, f"a{FAMILY}…"),
        (f"{FLAG}{FLAG}", 3, f"{FLAG}…"),
        (f"x{THUMB}yz", 3, "x…"),
        (f"{ACCENT}{ACCENT}{ACCENT}", 2, f"{ACCENT}…"),
    ],
)
def test_a_long_line_is_shortened_between_letters(text, columns, shown):
    assert shorten(text, columns) == shown


@pytest.mark.parametrize("letter", LETTERS)
def test_a_character_is_never_split(letter):
    assert [clip(letter, columns) for columns in range(width(letter) + 1)] == [""] * width(letter) + [letter]


@pytest.mark.parametrize(
    ("text", "columns", "padded"), [("ab", 4, "ab  "), (HEART, 3, f"{HEART} "), ("長い", 2, "長い")]
)
def test_a_line_is_padded(text, columns, padded):
    assert pad(text, columns) == padded


@given(st.text(st.sampled_from("".join(LETTERS)) | st.characters()), st.integers(1, 40))
def test_no_line_is_wider_than_allowed(text, columns):
    shown = shorten(text, columns)
    assert width(shown) <= columns
    assert shown == text or (shown.endswith("…") and text.startswith(shown[:-1]))


def test_plain_text_is_measured_without_wcwidth():
    code = "import sys; from kaito.console.width import width; width('naïve – …'); sys.exit('wcwidth' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
