"""The rendered text: at various widths, with and without colours, in Unicode and in ASCII."""

import pytest
from kaito_rich.formatter import Markdown

from kaito.settings import Settings
from kaito.types import Delta, Reply, Screen


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello, world", "Assistant: Hello, world\n"),
        ("\n\n  Hello\n\n", "Assistant: Hello\n"),
        ("# Title\ntext", "Assistant: \n# Title\ntext\n"),
        ("- a\n- b\n\ntext", "Assistant: \n• a\n• b\n\ntext\n"),
        ("   - a\n   - b", "Assistant: \n• a\n• b\n"),
        ("a\n\n\n\nb", "Assistant: a\n\nb\n"),
        ("1. a\n   - b\n     - c\n       - d\n2. e", "Assistant: \n1. a\n   • b\n     ◦ c\n       ▪ d\n2. e\n"),
        ("- [ ] a\n- [x] b\n1. [ ] c", "Assistant: \n☐ a\n☑ b\n1. ☐ c\n"),
        ("> a\n>\n> b\n\nc", "Assistant: \n│ a\n│\n│ b\n\nc\n"),
        ("> - a\n>   b\n>\n>   c", "Assistant: \n│ • a\n│   b\n│\n│   c\n"),
        ("```sh\nls -l\n\n\tx\n```", "Assistant: \n╭─ sh\nls -l\n\n    x\n╰─\n"),
        ("- a\n  ```\n  b\n\n  c\n  ```", "Assistant: \n• a\n  ╭─\n  b\n\n  c\n  ╰─\n"),
        ("- ```\n  b\n  ```", "Assistant: \n• ╭─\n  b\n  ╰─\n"),
        ("a  b\t c<br>d", "Assistant: a b c\nd\n"),
        ("[a](b) `c`", "Assistant: a (b) `c`\n"),
        ("**open", "Assistant: **open\n"),
        ("a<br><br>b<br>", "Assistant: a\n\nb\n"),
        ("<br>", "Assistant: \n"),
        ("a\\\nb", "Assistant: a\nb\n"),
        ("in C:\\\n\nb\\\\\nc\\", "Assistant: in C:\\\n\nb\\\nc\\\n"),
        ("\\\na\n\n# b\\\nc", "Assistant: \\\na\n\n# b\\\nc\n"),
        ("a\n\n#\n\n[]()\n\nb\n\n<br>\n\n##", "Assistant: a\n\nb\n"),
        ("-", "Assistant: \n•\n"),
        (">", "Assistant: \n│\n"),
    ],
)
def test_without_colour(draw, text, expected):
    assert [line.rstrip() for line in draw(text).split("\n")] == [line.rstrip() for line in expected.split("\n")]


def test_rows_end_with_blanks_only_after_marks(draw):
    text = "- a\n\n  b\n  - c\n\n    ```\n    d\n\n    e\n    ```\n\n| a | b |\n|--|--|\n| c | |\n"
    assert [row for row in draw(text).split("\n") if row.endswith(" ")] == ["Assistant: "]


def test_ascii(draw):
    text = "- a\n  - b\n- [x] c\n\n> d\n\n---\n\n```\ne\n```\n\n|f|\n|-|\n|g|"
    out = draw(text, 12, unicode=False)
    assert out.isascii()
    assert out == (
        "Assistant: \n* a\n  - b\n[x] c\n\n| d\n\n------------\n\n+-\ne\n+-\n\n+---+\n| f |\n|---|\n| g |\n+---+\n"
    )


def test_colours(draw):
    out = draw("# T\n**b** *i* ~~s~~ `c` [l](u)\n\n> q", colour=True)
    assert out == (
        "Assistant: \n\x1b[1;4mT\x1b[0m\n"
        "\x1b[1mb\x1b[0m \x1b[3mi\x1b[0m \x1b[9ms\x1b[0m \x1b[36mc\x1b[0m \x1b[4ml\x1b[0m \x1b[2m(u)\x1b[0m\n\n"
        "\x1b[2m│ \x1b[0mq\n"
    )


def test_without_colour_there_are_no_escape_sequences(draw):
    assert "\x1b" not in draw("# T\n**b** `c`\n\n> q\n\n```python\nx = 1\n```\n\n|**f**|\n|-|\n|`g`|\n\n---")


def test_words_wrap_at_the_width_of_the_window(draw):
    assert draw("one two three four", 16) == "Assistant: one\ntwo three four\n"
    assert draw("- one two three four", 10) == "Assistant: \n• one two\n  three\n  four\n"
    assert draw("> one two three", 9) == "Assistant: \n│ one two\n│ three\n"


def test_a_word_that_is_longer_than_a_row(draw):
    # At the margin, the terminal wraps it and copies it as one word.
    assert draw("a " + "x" * 25 + " b", 10) == "Assistant: \na\n" + "x" * 25 + " b\n"
    assert draw("- a " + "x" * 12 + " b", 10) == "Assistant: \n• a\n  xxxxxxxx\n  xxxx b\n"


def test_wide_characters(draw):
    assert draw("日本語の、「長い」文", 11) == "Assistant: \n日本語の、\n「長い」文\n"
    # no row begins with a closing character, and none ends with an opening one
    assert draw("日本語、「長い」文", 9) == "Assistant: \n日本語、\n「長い」\n文\n"
    # half a character does not fit
    assert draw("```\n宽宽宽\n```", 5) == "Assistant: \n╭─\n宽宽\n宽\n╰─\n"


def test_a_few_columns(draw):
    assert draw("1. ab\n\n日本", 1) == "Assistant: \n1\n.\na\nb\n\n日\n本\n"
    assert draw("- [x] ab\n\n> c", 3) == "Assistant: \n☑\nab\n\n│\nc\n"
    assert draw("> - a\n>   - b c d e f", 9) == "Assistant: \n│ • a\n  ◦ b c d\n    e f\n"


def test_the_width_is_read_for_each_row():
    width = 30
    formatter = Markdown(Screen(terminal=True, width=lambda: width), Settings())
    out = formatter.feed(Delta(content="one two three four five six "))
    width = 10
    out += formatter.feed(Delta(content="seven eight nine\n\n- ten eleven"))
    out += formatter.finish(Reply(content="", finish_reason="stop"))
    assert out == "Assistant: one two three four\nfive six seven eight nine\n\n• ten\n  eleven\n"


def test_a_code_line_is_not_wrapped(draw):
    line = "x" * 50
    assert draw(f"```\n{line}\n```", 20) == f"Assistant: \n╭─\n{line}\n╰─\n"
    assert draw(f"- ```\n  {line}\n  ```", 27).count("x" * 25 + "\n") == 2


def test_a_very_long_code_line(draw):
    line = "x" * 5000
    assert draw(f"```\n{line}\n```") == f"Assistant: \n╭─\n{line}\n╰─\n"


def test_a_rule_is_as_wide_as_its_container(draw):
    assert draw("---\n\n> ---", 6) == "Assistant: \n──────\n\n│ ────\n"


def steps(*pieces):
    """Return the output after each piece."""
    formatter = Markdown(Screen(terminal=True), Settings())
    return [formatter.feed(Delta(content=piece)) for piece in pieces]


def test_a_word_appears_when_it_is_complete():
    assert steps("Hel", "lo", " wor", "ld. ", "A") == ["", "", "Assistant: Hello", " world.", ""]
    assert steps("- it", "em one", "\n- ", "b ") == ["Assistant: \n• ", "item", " one", "\n• b"]


def test_code_appears_line_by_line():
    assert steps("```\n", "a", " b\n", "c") == ["Assistant: \n╭─", "", "\na b", ""]


def test_a_table_appears_when_it_is_complete():
    shown = steps("|a|\n", "|-|\n", "|b|\n", "\nc ")
    assert shown[:3] == ["", "", ""]
    assert shown[3] == "Assistant: \n┌───┐\n│ a │\n├───┤\n│ b │\n└───┘\n\nc"


def test_an_answer_that_ends_early_shows_the_pending_text():
    formatter = Markdown(Screen(terminal=True), Settings())
    out = formatter.feed(Delta(content="- a **bold thi")) + formatter.finish(Reply(content="- a **bold thi"))
    assert out == "Assistant: \n• a **bold thi\n"
