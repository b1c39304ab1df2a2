"""Properties of every text: the pieces do not matter, no text is lost, no control sequence passes."""

import re

import pyte
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from kaito_rich.inline import HOLD
from kaito_rich.line_starts import LONGEST_LINE
from rich.cells import cell_len

from kaito.util.sanitize import UNSAFE, Sanitizer

SGR = re.compile(r"\x1b\[[0-9;]*m")

#: Elements of Markdown, and texts that are difficult to parse.
BITS = (
    "*", "**", "***", "****", "_", "__", "~~", "~", "`", "``", "```", "````", "~~~", "[", "](", "]", ")", "(", "!", "![",
    "<", ">", "<br>", "<https://kaito.sh>", "&amp;", "&#", "&#27;", "&#x202e;", "\\", "\\*", "|", "||", "|-|", "| a | b |\n",
    "|---|:-:|\n", "-", "- ", "+ ", "1. ", "12) ", "---", "===", "* * *", "#", "## ", "#\n", "    ", "  ", "\t", " ", "\n",
    "\n\n", "> ", ">", "- [ ] ", "- [x]", "```python\n", "```c\n", "/*", "*/", '"""', "'", "def f(x): return 1\n",
    "word", "w", "two words", "日本語", "「", "」", "。", "👩‍💻", "❤️", "é", "é", "🇩🇪", "\u200b", "\ufe0f", "\u200d", "\u3000",
    "\xa0", "\u2028", "x" * 30, "宽" * 20, "https://kaito.sh/a_b_c",
)  # fmt: skip
texts = st.lists(st.sampled_from(BITS) | st.text(max_size=4), max_size=40).map("".join)
widths = st.integers(1, 12) | st.integers(13, 120) | st.just(500)


@st.composite
def divided(draw, source=texts):
    """A text and its pieces."""
    text = draw(source)
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=12)))
    if draw(st.booleans()):
        return text, list(text)
    return text, [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def sanitize(pieces):
    neutraliser = Sanitizer()
    return [neutraliser.feed(piece) for piece in pieces]


@given(divided(), widths, st.booleans(), st.booleans())
@example((">     code", [">", "     code"]), 80, False, True)
@settings(max_examples=400)
def test_the_pieces_do_not_matter(draw, text, width, colour, unicode):
    whole, pieces = text
    assert draw(sanitize(pieces), width, colour=colour, unicode=unicode) == draw(
        sanitize([whole]), width, colour=colour, unicode=unicode
    )


long_lines = st.tuples(
    st.sampled_from(
        ("", "# ", "- ", "> ", "| ", "```", "```\n", "    ", "**", "`", "[a](", "<a:", "&", "\n|a|\n|-|\n| ")
    ),
    st.sampled_from(("a", "#", "-", " ", "`", "*", "|", "- ", "ab ", "[", "(", "~", "=", "> ", "日")),
    st.sampled_from((HOLD - 1, HOLD, HOLD + 1, LONGEST_LINE - 1, LONGEST_LINE, LONGEST_LINE + 3, 2 * LONGEST_LINE + 1)),
    st.sampled_from(("", "`", "**", ")", ">", "\n", " x", "```", " ##\n", "|\n|-|\n| x |")),
).map(lambda parts: parts[0] + parts[1] * parts[2] + parts[3])


def every(text, size):
    """Return a text and its pieces of a size."""
    return text, [text[start : start + size] for start in range(0, len(text), size)]


@given(divided(long_lines), st.sampled_from((3, 40, 500)))
@example(every("# " + " " * (LONGEST_LINE + 3) + " ##\n", 7), 40)
@example(every("```\n" + " " * (2 * LONGEST_LINE + 1) + "x", 7), 40)
@settings(max_examples=60)
def test_the_pieces_do_not_matter_at_the_limits_of_pending_text(draw, text, width):
    whole, pieces = text
    assert draw(pieces, width, colour=True) == draw(whole, width, colour=True)


@given(divided(), widths, st.booleans())
@settings(max_examples=200)
def test_control_sequences_of_the_model_are_removed(draw, text, width, colour):
    out = draw(sanitize(text[1]), width, colour=colour)
    assert out.count("Assistant: ") == (1 if out else 0)
    bare = SGR.sub("", out) if colour else out
    assert UNSAFE.search(bare) is None
    if out:
        assert bare.startswith("Assistant: ")
        assert out.endswith("\n")
        assert not bare.endswith("\n\n")


words = st.integers(0, 99).map(lambda number: f"w{number:02}")
#: Without titles of links, which are not shown, and without wide and invisible characters, which separate words.
said = st.lists(
    words | st.sampled_from([bit for bit in BITS if bit.isascii() and "x" * 30 not in bit and bit != '"""']),
    max_size=40,
).map(" ".join)


@given(said, st.booleans())
@settings(max_examples=300)
def test_no_word_is_lost(draw, text, colour):
    out = SGR.sub("", draw(text, 500, colour=colour))
    assert set(re.findall(r"w\d\d", text)) <= set(re.findall(r"w\d\d", out))


def seen(out, width):
    """Return the screen of a terminal with enough rows for the whole text."""
    screen = pyte.Screen(width, out.count("\n") + len(out) // width + 2)
    pyte.Stream(screen).feed(out.replace("\n", "\r\n"))
    return [line.rstrip() for line in screen.display]


prose = st.lists(
    st.text(alphabet="abcdefg日本語テスト。한국어é", min_size=1, max_size=30), min_size=1, max_size=30
).map(" ".join)


@given(prose, st.integers(2, 90))
@settings(max_examples=150)
def test_no_character_is_lost_at_any_width(draw, text, width):
    assert "".join(seen(draw(text, width), width)).replace(" ", "") == "Assistant:" + text.replace(" ", "")


#: Lines without marks: each begins with a letter.
plain = st.lists(
    st.text(alphabet=st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="\\`*_~[]!<&"), max_size=30)
    | st.lists(st.sampled_from([bit for bit in BITS if not set(bit) & set("\\`*_~[]!<&\n|")])).map("".join),
    min_size=1,
    max_size=5,
).map(lambda lines: "\n".join("x" + line for line in lines))


@given(divided(plain), st.sampled_from((1, 2, 10)) | widths, st.booleans())
@settings(max_examples=200)
def test_no_character_of_a_paragraph_is_lost(draw, text, width, colour):
    pieces = sanitize(text[1])
    out = SGR.sub("", draw(pieces, width, colour=colour)).removeprefix("Assistant:")
    assert re.sub("[ \t\n]", "", out) == re.sub("[ \t\n]", "", "".join(pieces))


lines = st.lists(st.sampled_from(("- ", "> ", "1. ", "  - ", "# ", "", "\n", "| ")), max_size=6).flatmap(
    lambda starts: st.tuples(
        *[st.lists(st.text("abc日é", min_size=1, max_size=5), max_size=20).map(" ".join)] * len(starts)
    ).map(lambda rest: "\n".join(start + words for start, words in zip(starts, rest, strict=True)))
)


@given(lines, st.integers(22, 60), st.booleans())
@settings(max_examples=150)
def test_no_row_is_wider_than_the_window(draw, text, width, unicode):
    out = draw(text, width, unicode=unicode)
    assert all(cell_len(row) <= width for row in out.split("\n"))


@pytest.mark.parametrize(
    "bit",
    [
        "*a ",
        "[",
        "**",
        "`",
        "`` ",
        "![a](",
        "_a",
        "<a:",
        "&",
        "> ",
        "- ",
        "\t",
        "|",
        "| a | b |\n",
        "\\",
        "a*",
        "[a](b ",
        "日",
    ],
)
def test_the_cost_of_hostile_repetition_is_linear(draw, bit):
    """The time limit of the test run is the assertion: quadratic behaviour takes minutes."""
    assert draw([bit * 40] * 500, colour=True)
