"""Which blocks a text has, told without a terminal."""

import pytest
from kaito_rich.blocks import DEEPEST, Blocks
from kaito_rich.events import Close, CodeBegin, CodeLine, HeadingBegin, ItemBegin, Signal, Table, Words
from kaito_rich.rows import MOST_ROWS
from kaito_rich.starts import LONGEST_LINE

BREAK, CODE_END, GAP, LINE_END = Signal.BREAK, Signal.CODE_END, Signal.GAP, Signal.LINE_END
PARAGRAPH, QUOTE, RULE = Signal.PARAGRAPH, Signal.QUOTE, Signal.RULE


def read(text):
    blocks = Blocks()
    return [*blocks.feed(text), *blocks.close()]


def said(text):
    return [PARAGRAPH, Words(text), LINE_END]


def item(number="", depth=0, done=None):
    return ItemBegin(number, depth, done)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("a\nb", [*said("a"), BREAK, Words("b"), LINE_END]),
        ("a\n\n\nb\n", [*said("a"), GAP, GAP, *said("b")]),
        ("# One ##\n####### no", [HeadingBegin(1), Words(" One"), LINE_END, *said("####### no")]),
        ("## ##\n#tag", [HeadingBegin(2), LINE_END, *said("#tag")]),
        ("a\n===\nb\n---", [*said("a"), Signal.DOUBLE_RULE, *said("b"), RULE]),
        ("***\n_ _ _\n== no", [RULE, RULE, *said("== no")]),
        ("**bold** text", said("**bold** text")),
        ("- a\n- b", [item(), *said("a"), Close(1), item(), *said("b"), Close(1)]),
        ("1. a\n1. b", [item("1."), *said("a"), Close(1), item("2."), *said("b"), Close(1)]),
        ("7) a", [item("7)"), *said("a"), Close(1)]),
        ("- [ ] a\n- [x] b", [item(done=False), *said("a"), Close(1), item(done=True), *said("b"), Close(1)]),
        ("- [a](b)", [item(), *said("[a](b)"), Close(1)]),
        ("- a\n  - b\n- c", [item(), *said("a"), item(depth=1), *said("b"), Close(2), item(), *said("c"), Close(1)]),
        ("10. a\n  - b", [item("10."), *said("a"), item(), *said("b"), Close(2)]),
        ("- - a", [item(), item(depth=1), *said("a"), Close(2)]),
        ("-\na", [item(), Close(1), *said("a")]),
        ("a\n2. b", [*said("a"), BREAK, Words("2. b"), LINE_END]),
        ("a\n1. b", [*said("a"), item("1."), *said("b"), Close(1)]),
        ("- a\n\n  b", [item(), *said("a"), GAP, *said("b"), Close(1)]),
        ("- a\nb", [item(), *said("a"), BREAK, Words("b"), LINE_END, Close(1)]),
        ("- a\n\nb", [item(), *said("a"), GAP, Close(1), *said("b")]),
        ("2024 was", said("2024 was")),
        ("> a\n>b\n\nc", [QUOTE, *said("a"), BREAK, Words("b"), LINE_END, Close(1), GAP, *said("c")]),
        ("> a\n>\n> - b", [QUOTE, *said("a"), GAP, item(), *said("b"), Close(2)]),
        ("> a\nb", [QUOTE, *said("a"), BREAK, Words("b"), LINE_END, Close(1)]),
        ("```py x\na\n\n  b\n```", [CodeBegin("py x"), CodeLine("a"), CodeLine(""), CodeLine("  b"), CODE_END]),
        ("~~~\n```\n~~~~", [CodeBegin(""), CodeLine("```"), CODE_END]),
        ("```\nopen", [CodeBegin(""), CodeLine("open"), CODE_END]),
        ("```one``` line", said("```one``` line")),
        ("- a\n  ```\n  b\nc\n  ```", [item(), *said("a"), CodeBegin(""), CodeLine("b"), CodeLine("c"), CODE_END, Close(1)]),
        ("> ```\n> a\nb", [QUOTE, CodeBegin(""), CodeLine("a"), CODE_END, Close(1), *said("b")]),
        ("    a\n\n      b\n\nc", [CodeBegin(""), CodeLine("a"), CodeLine(""), CodeLine("  b"), CODE_END, GAP, *said("c")]),
        ("a\n    b", [*said("a"), BREAK, Words("b"), LINE_END]),
    ],
)  # fmt: skip
def test_events(text, expected):
    assert read(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "| a | b |\n|:-:|--:|\n| c | d |\n\ne",
            [Table(("center", "right"), ("a", "b"), (("c", "d"),)), GAP, *said("e")],
        ),
        ("|a|\n|-|\ntext", [Table(("left",), ("a",), ()), *said("text")]),
        (
            "|a|b|\n|-|-|\n|c|\n|d|e|f|",
            [Table(("left", "left"), ("a", "b"), (("c", ""), ("d", "e | f")))],
        ),
        (r"|a|" + "\n|-|\n" + r"|b \| c|", [Table(("left",), ("a",), (("b | c",),))]),
        ("text\n|a|\n|-|\n|b|", [*said("text"), Table(("left",), ("a",), (("b",),))]),
        ("|a|\n|b|\nc", [*said("|a|"), BREAK, Words("|b|"), LINE_END, BREAK, Words("c"), LINE_END]),
        ("|a|\n\n|-|", [*said("|a|"), GAP, *said("|-|")]),
        ("|a|", said("|a|")),
        ("- |a|\n  |-|\n  |b|", [item(), Table(("left",), ("a",), (("b",),)), Close(1)]),
    ],
)
def test_tables(text, expected):
    assert read(text) == expected


def test_a_long_table_is_drawn_in_parts():
    events = read("|a|\n|-|\n" + "|b|\n" * (MOST_ROWS + 1))
    assert [(table.header, len(table.rows)) for table in events] == [(("a",), MOST_ROWS), (("a",), 1)]


def test_a_table_that_ends_where_a_part_does_has_no_empty_one_after_it():
    assert len(read("|a|\n|-|\n" + "|b|\n" * MOST_ROWS)) == 1


def test_a_long_code_line_comes_in_pieces():
    assert read("```\n" + "x" * (LONGEST_LINE + 1)) == [
        CodeBegin(""),
        CodeLine("x" * LONGEST_LINE, ended=False),
        CodeLine("x"),
        CODE_END,
    ]


def test_a_long_row_is_text():
    row = "|" + "x" * LONGEST_LINE
    assert read(row) == said(row)


def test_nesting_is_bounded():
    events = read(">" * (DEEPEST + 5))
    assert events.count(QUOTE) == DEEPEST
    assert Words(">" * 5) in events


@pytest.mark.parametrize(
    ("text", "events"),
    [
        ("Hel", [PARAGRAPH, Words("Hel")]),
        ("# T", [HeadingBegin(1), Words(" T")]),
        ("- ", []),
        ("- a", [item(), PARAGRAPH, Words("a")]),
        ("1", []),
        ("1.5", [PARAGRAPH, Words("1.5")]),
        ("--", []),
        ("``", []),
        ("`` a", [PARAGRAPH, Words("`` a")]),
        ("> q", [QUOTE, PARAGRAPH, Words("q")]),
        ("| a", []),
    ],
)
def test_a_line_is_told_as_soon_as_it_is_known(text, events):
    assert Blocks().feed(text) == events
