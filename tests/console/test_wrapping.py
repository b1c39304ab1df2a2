"""Text that fits the window."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.console.width import width
from kaito.console.wrapping import commands, paragraphs, table, window_columns, wrapped

TEXT = st.text(st.sampled_from("ab -\n"), max_size=200)


@pytest.mark.parametrize(("given", "columns"), [("80", 79), ("40", 39), ("5", 20), ("1000", 100)])
def test_the_window_s_width_is_bounded(monkeypatch, given, columns):
    monkeypatch.setenv("COLUMNS", given)
    assert window_columns() == columns


def test_the_rest_of_a_line_is_indented():
    assert wrapped("a\n  Settings: seed 5, stream off\n\nb\n", 20) == "a\n  Settings: seed 5,\n      stream off\n\nb\n"


def test_a_word_is_never_broken():
    assert wrapped("  Endpoint: http://localhost/a-b", 12) == "  Endpoint:\n      http://localhost/a-b\n"


def test_paragraphs_are_wrapped_as_a_whole():
    assert paragraphs("one\ntwo\n  three\n\n\nfour", 9) == "one two\nthree\n\nfour\n"


ROWS = [("/a", "does this and that and more of it"), ("/long NAME", "x"), ("/none", "")]


def test_a_table_in_a_wide_window():
    assert table(ROWS, 40) == (
        "  /a          does this and that and\n              more of it\n  /long NAME  x\n  /none\n"
    )


def test_a_table_in_a_narrow_window():
    assert table(ROWS, 30) == (
        "  /a\n        does this and that and\n        more of it\n  /long NAME\n        x\n  /none\n"
    )


def test_a_name_too_long_for_its_column_has_a_line_of_its_own():
    assert table(ROWS, 60, left=4) == ("  /a    does this and that and more of it\n  /long NAME\n        x\n  /none\n")


def test_commands_can_still_be_pasted():
    text = '# Ask once, or more than once\nkaito chat -m "What is AI?" --temperature 0.2 | wc\n\nkaito chat'
    assert commands(text, 30) == (
        "  # Ask once, or more than\n  # once\n"
        '  kaito chat \\\n      -m "What is AI?" \\\n      --temperature 0.2 | wc\n'
        "\n  kaito chat\n"
    )
    assert commands(text, 80) == "".join(f"  {line}".rstrip() + "\n" for line in text.split("\n"))


@given(TEXT, st.integers(20, 60))
def test_no_word_is_lost(text, columns):
    for shown in (wrapped(text, columns), paragraphs(text, columns), table([("/x", text)], columns)):
        assert "".join(shown.replace("/x", "").split()) == "".join(text.split())
    assert all(len(line) <= columns or " " not in line.strip() for line in wrapped(text, columns).splitlines())


WIDE = [("/家族", "👨\u200d👩\u200d👧\u200d👦 👍🏽 🇩🇪 ❤\ufe0f 🗑\ufe0f and so on, for a while"), ("/e\u0301", "x")]


def test_wide_letters_are_measured_in_a_table():
    assert table(WIDE, 40) == (
        "  /家族  👨\u200d👩\u200d👧\u200d👦 👍🏽 🇩🇪 ❤\ufe0f 🗑\ufe0f and so on, for a\n         while\n  /e\u0301     x\n"
    )


def test_wide_letters_are_measured_where_lines_are_broken():
    assert wrapped("長い 長い 長い abc", 11) == "長い 長い\n    長い\n    abc\n"
    assert wrapped("❤\ufe0f 👍🏽 e\u0301e\u0301", 8) == "❤\ufe0f 👍🏽 e\u0301e\u0301\n"


@given(st.text(st.sampled_from("ab長🇩🇪👍🏽❤\ufe0f\u0301 \n"), max_size=100), st.integers(20, 60))
def test_no_line_of_wide_letters_is_too_long(text, columns):
    assert all(width(line) <= columns or " " not in line.strip() for line in wrapped(text, columns).splitlines())
