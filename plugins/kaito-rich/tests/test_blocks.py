"""The events of the block parser."""

import pytest
from kaito_rich.blocks import DEEPEST, Blocks
from kaito_rich.events import Close, CodeBegin, CodeLine, HeadingBegin, ItemBegin, Signal, Table, Words
from kaito_rich.line_starts import LONGEST_LINE
from kaito_rich.table_rows import MOST_ROWS

BREAK, CODE_END, GAP, LINE_END = Signal.BREAK, Signal.CODE_END, Signal.GAP, Signal.LINE_END
PARAGRAPH, QUOTE, RULE = Signal.PARAGRAPH, Signal.QUOTE, Signal.RULE


def read(text):
    blocks = Blocks()
    return [*blocks.feed(text), *blocks.close()]


def words(text):
    return [PARAGRAPH, Words(text), LINE_END]


def item(number="", depth=0, done=None):
    return ItemBegin(number, depth, done)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("a\nb", [*words("a"), BREAK, Words("b"), LINE_END]),
        ("a\n\n\nb\n", [*words("a"), GAP, GAP, *words("b")]),
        ("# One ##\n####### no", [HeadingBegin(1), Words(" One"), LINE_END, *words("####### no")]),
        ("## ##\n#tag", [HeadingBegin(2), LINE_END, *words("#tag")]),
        ("a\n===\nb\n---", [*words("a"), Signal.DOUBLE_RULE, *words("b"), RULE]),
        ("***\n_ _ _\n== no", [RULE, RULE, *words("== no")]),
        ("**bold** text", words("**bold** text")),
        ("- a\n- b", [item(), *words("a"), Close(1), item(), *words("b"), Close(1)]),
        ("1. a\n1. b", [item("1."), *words("a"), Close(1), item("2."), *words("b"), Close(1)]),
        ("7) a", [item("7)"), *words("a"), Close(1)]),
        ("- [ ] a\n- [x] b", [item(done=False), *words("a"), Close(1), item(done=True), *words("b"), Close(1)]),
        ("- [a](b)", [item(), *words("[a](b)"), Close(1)]),
        ("- a\n  - b\n- c", [item(), *words("a"), item(depth=1), *words("b"), Close(2), item(), *words("c"), Close(1)]),
        ("10. a\n  - b", [item("10."), *words("a"), item(), *words("b"), Close(2)]),
        (
            "10. a\n  - b\n    - c\n  - d",
            [
                *(item("10."), *words("a"), item(), *words("b"), item(depth=1), *words("c"), Close(2)),
                *(item(), *words("d"), Close(2)),
            ],
        ),
        ("- - a", [item(), item(depth=1), *words("a"), Close(2)]),
        ("-\na", [item(), Close(1), *words("a")]),
        ("a\n2. b", [*words("a"), BREAK, Words("2. b"), LINE_END]),
        ("a\n1. b", [*words("a"), item("1."), *words("b"), Close(1)]),
        ("- a\n\n  b", [item(), *words("a"), GAP, *words("b"), Close(1)]),
        ("- a\nb", [item(), *words("a"), BREAK, Words("b"), LINE_END, Close(1)]),
        ("- a\n\nb", [item(), *words("a"), GAP, Close(1), *words("b")]),
        ("2024 was", words("2024 was")),
        ("> a\n>b\n\nc", [QUOTE, *words("a"), BREAK, Words("b"), LINE_END, Close(1), GAP, *words("c")]),
        ("> a\n>\n> - b", [QUOTE, *words("a"), GAP, item(), *words("b"), Close(2)]),
        ("> a\nb", [QUOTE, *words("a"), BREAK, Words("b"), LINE_END, Close(1)]),
        ("```py x\na\n\n  b\n```", [CodeBegin("py x"), CodeLine("a"), CodeLine(""), CodeLine("  b"), CODE_END]),
        ("~~~\n```\n~~~~", [CodeBegin(""), CodeLine("```"), CODE_END]),
        ("```\nopen", [CodeBegin(""), CodeLine("open"), CODE_END]),
        ("```one``` line", words("```one``` line")),
        ("- a\n  ```\n  b\nc\n  ```", [item(), *words("a"), CodeBegin(""), CodeLine("b"), CodeLine("c"), CODE_END, Close(1)]),
        ("> ```\n> a\nb", [QUOTE, CodeBegin(""), CodeLine("a"), CODE_END, Close(1), *words("b")]),
        ("    a\n\n      b\n\nc", [CodeBegin(""), CodeLine("a"), CodeLine(""), CodeLine("  b"), CODE_END, GAP, *words("c")]),
        ("a\n    b", [*words("a"), BREAK, Words("b"), LINE_END]),
    ],
)  # fmt: skip
def test_events(text, expected):
    assert read(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "| a | b |\n|:-:|--:|\n| c | d |\n\ne",
            [Table(("center", "right"), ("a", "b"), (("c", "d"),)), GAP, *words("e")],
        ),
        ("|a|\n|-|\ntext", [Table(("left",), ("a",), ()), *words("text")]),
        (
            "|a|b|\n|-|-|\n|c|\n|d|e|f|",
            [Table(("left", "left"), ("a", "b"), (("c", ""), ("d", "e | f")))],
        ),
        (r"|a|" + "\n|-|\n" + r"|b \| c|", [Table(("left",), ("a",), (("b | c",),))]),
        ("text\n|a|\n|-|\n|b|", [*words("text"), Table(("left",), ("a",), (("b",),))]),
        ("|a|\n|b|\nc", [*words("|a|"), BREAK, Words("|b|"), LINE_END, BREAK, Words("c"), LINE_END]),
        ("|a|\n\n|-|", [*words("|a|"), GAP, *words("|-|")]),
        ("|a|", words("|a|")),
        ("- |a|\n  |-|\n  |b|", [item(), Table(("left",), ("a",), (("b",),)), Close(1)]),
    ],
)
def test_tables(text, expected):
    assert read(text) == expected


def test_a_long_table_is_drawn_in_parts():
    events = read("|a|\n|-|\n" + "|b|\n" * (MOST_ROWS + 1))
    assert [(table.header, len(table.rows)) for table in events] == [(("a",), MOST_ROWS), (("a",), 1)]


def test_a_table_that_ends_with_a_part_is_not_followed_by_an_empty_one():
    assert len(read("|a|\n|-|\n" + "|b|\n" * MOST_ROWS)) == 1


def test_a_long_code_line_is_emitted_in_pieces():
    assert read("```\n" + "x" * (LONGEST_LINE + 1)) == [
        CodeBegin(""),
        CodeLine("x" * LONGEST_LINE, ended=False),
        CodeLine("x"),
        CODE_END,
    ]


def test_a_long_row_is_text():
    row = "|" + "x" * LONGEST_LINE
    assert read(row) == words(row)


def test_nesting_is_limited():
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
def test_events_are_emitted_as_early_as_possible(text, events):
    assert Blocks().feed(text) == events
