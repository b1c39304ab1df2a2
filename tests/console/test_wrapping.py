"""Text that fits the window."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.console.width import width
from kaito.console.wrapping import broken, commands, paragraphs, remark, table, window_columns, wrapped

TEXT = st.text(st.sampled_from("ab -\n"), max_size=200)


@pytest.mark.parametrize(("given", "columns"), [("80", 79), ("40", 39), ("5", 20), ("1000", 100)])
def test_the_window_s_width_is_bounded(monkeypatch, given, columns):
    monkeypatch.setenv("COLUMNS", given)
    assert window_columns() == columns


def test_the_rest_of_a_line_is_indented():
    assert wrapped("a\n  Settings: seed 5, stream off\n\nb\n", 20) == "a\n  Settings: seed 5,\n      stream off\n\nb\n"


def test_a_word_is_never_broken():
    assert wrapped("  Endpoint: http://localhost/a-b", 12) == "  Endpoint:\n      http://localhost/a-b\n"


def test_text_without_blanks_between_words_is_broken():
    text = "可用的节点不足以运行这个工作负载"
    assert wrapped(f"Latest event: {text}", 21) == ("Latest event: 可用的\n    节点不足以运行这\n    个工作负载\n")
    assert remark(f"   0/3: {text} in /a/long/path/of/a/file", 20, hang=2).split("\n") == [
        "   0/3: 可用的节点不",
        "     足以运行这个工",
        "     作负载 in /a/lo",
        "     ng/path/of/a/fi",
        "     le",
    ]
    assert remark(f"see https://example.com/a/long/path {text}", 20, hang=2).split("\n")[:2] == [
        "see",
        "https://example.com/a/long/path",
    ]


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


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("  Endpoint: http://my-llama.team-a.svc/v1", ["  Endpoint:", "      http://my-llama.team-a.svc/v1"]),
        (
            "see http://my-llama.team-a.svc.cluster/v1 or so",
            ["see", " http://my-llama.team-a.svc.cluster/v1", "    or so"],
        ),
        (f"see https://{'x' * 50} now", ["see", f"https://{'x' * 50}", "    now"]),
        ("x" * 50, ["x" * 38, f"    {'x' * 12}"]),
    ],
)
def test_a_url_can_be_copied(line, parts):
    assert broken(line, 38, 6 if line.startswith(" ") else 4) == parts


@given(
    st.text(st.sampled_from("ab:/ "), max_size=200).map(lambda text: text.replace("a:", "a://")), st.integers(20, 60)
)
def test_nothing_is_lost_around_urls(text, columns):
    parts = broken(text, columns, 4)
    assert "".join("".join(parts).split()) == "".join(text.split())
    assert all(width(part) <= columns or "://" in part for part in parts)


def test_a_command_in_a_remark_can_be_pasted():
    command = "kaito chat --workspace-name my-llama -n team-a"
    assert remark(f"To chat with it, later: {command}", 39, hang=2) == f"To chat with it, later:\n  {command}"
    for line in (f"   {command}", f"Use '{command}' to chat"):
        assert remark(line, 39, hang=2) == line
    assert remark("There are more; 'kaito history' lists them all", 39, hang=2) == (
        "There are more; 'kaito history' lists\n  them all"
    )
    assert remark("There are many more; 'kaito history --all' lists", 32, hang=2) == (
        "There are many more;\n  'kaito history --all' lists"
    )
