"""The escape filter: nothing that drives a terminal comes through, all else does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.util.sanitize import MAX_CSI, MAX_STRING, UNSAFE, Sanitizer, one_line, sanitize


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ttext\n", "plain\ttext\n"),
        ("naïve 🤖 👩‍💻 日本", "naïve 🤖 👩‍💻 日本"),
        ("a\x1b[31mb\x1b[0mc", "abc"),
        ("a\x1b[38;2;1;2;3mb", "ab"),
        ("a\x1b]0;title\x07b", "ab"),
        ("a\x1b]8;;http://x\x1b\\b\x1b]8;;\x1b\\c", "abc"),
        ("a\x1bPdevice\x1b\\b", "ab"),
        ("a\x1b_app\x9cb", "ab"),
        ("a\x9b31mb", "ab"),
        ("a\x9d0;title\x07b", "ab"),
        ("a\x90q\x18b", "ab"),
        ("a\x1b(Bb\x1b=c\x1b7d", "abcd"),
        ("a\x1b\x1b[1mb", "ab"),
        ("a\x1b[3\nb", "a\nb"),
        ("a\x1bé", "aé"),
        ("a\x1b\nb", "a\nb"),
        ("a\rb\x08c\x07d\x00e\x7ff\x85g", "abcdefg"),
        ("a\u202eb\u2066c\u200fd\u061ce", "abcde"),
        ("line\r\nline", "line\nline"),
        ("a\x1b]0;ti\x1b[31mb", "ab"),
        ("a\x1b[31", "a"),
        ("a\x1b", "a"),
    ],
)
def test_text(text, shown):
    assert sanitize(text) == shown


def test_an_osc_without_end_is_bounded():
    assert sanitize("a\x1b]0;" + "x" * 50) == "a"
    shown = sanitize("a\x1b]0;" + "x" * MAX_STRING + "after")
    assert shown.startswith("ax")
    assert shown.endswith("after")


def test_a_csi_without_end_is_bounded():
    assert sanitize("\x1b[" + "1" * (MAX_CSI + 20)).startswith("1")


def test_one_line():
    assert one_line(" a\n\x1b[1mb\t c ") == "a b c"


_hostile = st.lists(
    st.sampled_from(
        [
            "\x1b",
            "[",
            "]",
            "P",
            "\\",
            "\x07",
            "\x9b",
            "\x9d",
            "\x9c",
            "31",
            "m",
            ";",
            "a",
            "é",
            "\n",
            "\u202e",
            "(",
            " ",
        ]
    )
    | st.characters(),
    max_size=60,
).map("".join)


@given(_hostile)
def test_nothing_unsafe_comes_through(text):
    assert UNSAFE.search(sanitize(text)) is None


@given(_hostile, st.lists(st.integers(1, 5), min_size=1, max_size=30))
def test_pieces_show_what_the_whole_shows(text, sizes):
    filter_, shown, rest, turn = Sanitizer(), [], text, 0
    while rest:
        size = sizes[turn % len(sizes)]
        shown.append(filter_.feed(rest[:size]))
        rest, turn = rest[size:], turn + 1
    assert "".join(shown) == sanitize(text)


@given(st.text().filter(lambda text: UNSAFE.search(text) is None))
def test_harmless_text_is_left_alone(text):
    assert sanitize(text) == text


@given(_hostile)
def test_the_result_is_a_subsequence_of_the_input(text):
    rest = iter(text)
    assert all(character in rest for character in sanitize(text))
