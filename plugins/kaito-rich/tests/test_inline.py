"""Emphasis, code and links within a line, and when they become final."""

import pytest
from kaito_rich.inline import BOLD, CODE, HOLD, ITALIC, LINK, STRIKE, URL, Inline, Span, spans_of


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (r"\(x = 1\) and \[x^2\]", r"\(x = 1\) and \[x^2\]"),
        (r"\{a, b\} \, 50\% \;", r"\{a, b\} \, 50\% \;"),
        (r"C:\Users\me and C:\.ssh", r"C:\Users\me and C:\.ssh"),
        (r"\\server\share", r"\\server\share"),
        (r"C:\\Users", r"C:\\Users"),
        (r"wow\!", r"wow\!"),
        (r"\*a\* \_b\_ \`c\` \# \$5 1\. \![x", "*a* _b_ `c` # $5 1. ![x"),
    ],
)
def test_a_backslash_stays_where_it_escapes_nothing_in_practice(text, shown):
    assert "".join(span.text for span in spans_of(text)) == shown
    inline = Inline()
    pieces = [span for letter in text for span in inline.feed(letter)]
    assert "".join(span.text for span in [*pieces, *inline.close()]) == shown


def merged(text, **options):
    """Return the spans of a line, with adjacent ones of the same style merged."""
    spans = []
    for part, marks, _ in spans_of(text, **options):
        if spans and spans[-1][1] == marks:
            spans[-1] = (spans[-1][0] + part, marks)
        else:
            spans.append((part, marks))
    return spans


@pytest.mark.parametrize(
    "text",
    [
        "https://example.com/pkg/__init__.py is the file",
        "(http://h/_next/static_/a*b*c~~d~~) and https://h/**/*.py, https://h/?_a_=*b*&c",
        "see:https://h/*a*",
    ],
)
def test_a_bare_address_stays_as_it_is(text):
    assert merged(text) == [(text, 0)]
    inline = Inline()
    pieces = [span for letter in text for span in inline.feed(letter)]
    assert "".join(span.text for span in [*pieces, *inline.close()]) == text


@pytest.mark.parametrize("text", ["2*3*4 = 24", "2**3**2", "f = a*b + c*d", "x*y*z"])
def test_products_and_powers_stay_as_they_are(text):
    assert merged(text) == [(text, 0)]


def test_marks_around_a_bare_address_are_marks():
    assert merged("**https://h/a_b_**, *see https://h/__x__.* _c_") == [
        ("https://h/a_b_", BOLD),
        (", ", 0),
        ("see https://h/__x__.", ITALIC),
        (" ", 0),
        ("c", ITALIC),
    ]
    assert merged("**https://h/a**中文") == [("https://h/a", BOLD), ("中文", 0)]
    assert merged("[a](https://h/_b_)_c_") == [("a", LINK), (" ", 0), ("(https://h/_b_)", URL), ("c", ITALIC)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", [("plain", 0)]),
        ("a **b c** d", [("a ", 0), ("b c", BOLD), (" d", 0)]),
        ("__b__ and _i_ and *i*", [("b", BOLD), (" and ", 0), ("i", ITALIC), (" and ", 0), ("i", ITALIC)]),
        ("***both***", [("both", BOLD | ITALIC)]),
        ("**b *bi* b**", [("b ", BOLD), ("bi", BOLD | ITALIC), (" b", BOLD)]),
        ("*i **bi***", [("i ", ITALIC), ("bi", BOLD | ITALIC)]),
        ("~~gone~~ ~5", [("gone", STRIKE), (" ~5", 0)]),
        ("**Note:**text", [("Note:", BOLD), ("text", 0)]),
        ("**「注意」**です", [("「注意」", BOLD), ("です", 0)]),
        ("snake_case_name", [("snake_case_name", 0)]),
        ("2 * 3 * 4", [("2 * 3 * 4", 0)]),
        ("*args and **kwargs", [("*args and **kwargs", 0)]),
        ("**** nothing ****", [("**** nothing ****", 0)]),
        ("`a*b*` `` ` ``", [("a*b*", CODE), (" ", 0), ("`", CODE)]),
        ("` a ` and `b", [("a", CODE), (" and `b", 0)]),
        (r"\*not\* \a \\", [(r"*not* \a " + "\\", 0)]),
        ("[text](http://x.y)", [("text", LINK), (" ", 0), ("(http://x.y)", URL)]),
        ('[a **b**](<u v> "title")', [("a ", LINK), ("b", LINK | BOLD), (" ", 0), ("(u v)", URL)]),
        ("[http://x](http://x)", [("http://x", LINK)]),
        ("![alt](a_(1).png)", [("alt", LINK), (" ", 0), ("(a_(1).png)", URL)]),
        ("[](u)", [("(u)", URL)]),
        ("[1] [text](bad url x) [a][b]", [("[1] [text](bad url x) [a][b]", 0)]),
        ("<https://kaito.sh> <b> a<b", [("https://kaito.sh", LINK), (" <b> a<b", 0)]),
        ("one<br>two<BR />", [("one\ntwo\n", 0)]),
        ("&lt;&#65;&#x42;&nbsp;&amp", [("<AB\xa0&amp", 0)]),
    ],
)
def test_spans(text, expected):
    assert merged(text) == expected


@pytest.mark.parametrize(
    "entity", ["&#27;", "&#x9b;", "&#x202e;", "&rlm;", "&NewLine;", "&nosuch;", "&#xFFFFFF;", "&#xD800;"]
)
def test_an_entity_without_a_printable_character_is_text(entity):
    assert merged(entity) == [(entity, 0)]


def test_without_colour_code_and_struck_out_text_keep_their_marks():
    assert "".join(span.text for span in spans_of("`a` ~~b~~ **c**", colour=False)) == "`a` ~~b~~ c"


def test_text_is_final_at_once():
    inline = Inline()
    assert [inline.feed(piece) for piece in ("some", " text, ")] == [[Span("some", 0)], [Span(" text, ", 0)]]


def test_only_text_after_an_opening_mark_is_pending():
    inline = Inline()
    assert inline.feed("now **not") == [Span("now ", 0)]
    assert inline.feed(" yet") == []
    assert inline.feed("** and") == [Span("not", BOLD), Span(" yet", BOLD), Span(" and", 0)]


@pytest.mark.parametrize("mark", ["**", "*", "~~", "`", "[", "[a](", "<https://"])
def test_an_unclosed_mark_is_text(mark):
    inline = Inline()
    shown = "".join(span.text for span in inline.feed(mark + "x"))
    assert shown == ""
    for _ in range(HOLD + 1):
        shown += "".join(span.text for span in inline.feed("x"))
    shown += "".join(span.text for span in inline.feed("` "))
    assert shown.startswith(mark + "xxx")


def test_lines_are_independent():
    inline = Inline()
    inline.feed("**open")
    assert inline.close() == [Span("**", 0), Span("open", 0)]
    assert inline.feed("text") == [Span("text", 0)]
    assert inline.feed("**") == []
    assert inline.close() == [Span("**", 0)]
