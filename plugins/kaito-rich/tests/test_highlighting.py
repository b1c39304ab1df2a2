"""Code is highlighted line by line, also within multi-line comments and strings."""

import pytest
from kaito_rich.highlighting import LONGEST_CONTEXT, Highlighter


def styles(language, *lines):
    """Return the texts of each line by their style."""
    highlighter = Highlighter(language)
    return [[(text, str(style or "")) for text, style in highlighter.line(line)] for line in lines]


def test_a_line():
    (line,) = styles("python", "def f(): return 1  # done")
    assert ("def", "magenta") in line
    assert ("# done", "dim") in line


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("python", "@dec\nclass A(B):\n  def f(self): return not len('a', 1, None, ValueError)  # c"),
        ("yaml", "key: [1, true, 'a']  # c"),
        ("html", '<a href="x">&amp;</a>'),
        ("diff", "--- a\n+++ b\n@@ -1 +1 @@\n-a\n+b"),
        ("bash", 'for x in "$A"; do echo ${B} | grep -v 1; done'),
        ("c", "#include <a.h>\nint f(void) { return 'a'; }"),
    ],
)
def test_all_colours_are_legible_on_dark_and_on_light_backgrounds(language, text):
    used = {style for line in styles(language, *text.split("\n")) for _, style in line}
    assert len(used) > 2
    assert used <= {"", "none", "dim", "bold", "magenta", "cyan", "green", "red"}


@pytest.mark.parametrize("language", ["", "nosuch", "../../etc"])
def test_an_unknown_language_is_not_coloured(language):
    assert styles(language, "def f():") == [[("def f():", "")]]


@pytest.mark.parametrize(
    ("language", "lines", "inside"),
    [
        ("python", ['x = """a', "def b", 'c"""', "def d"], "green"),
        ("c", ["int x; /* a", "int b", "c */", "int d;"], "dim"),
        ("JavaScript", ["/* a", "let b", "c */", "let d"], "dim"),
        ("html", ["<p> <!-- a", "<b>", "-->", "<b>"], "dim"),
    ],
)
def test_multi_line_comments_and_strings(language, lines, inside):
    drawn = styles(language, *lines)
    assert {style for text, style in drawn[1] if text.strip()} == {inside}
    assert inside not in {style for _, style in drawn[3]}


def test_the_cost_of_a_line_does_not_depend_on_the_comments_length():
    highlighter = Highlighter("c")
    highlighter.line("/* a")
    for _ in range(1000):
        highlighter.line("word " * 10)
    assert len(highlighter._context) == len("/* a\n")


def test_the_context_is_limited():
    highlighter = Highlighter("python")
    for _ in range(100):
        highlighter.line('x = """' + "y" * 50 + '""" + """')
        assert len(highlighter._context) <= LONGEST_CONTEXT


@pytest.mark.parametrize(
    "language", ["python", "c", "html", "json", "yaml", "bash", "diff", "php", "rust", "go", "sql", "console"]
)
@pytest.mark.parametrize(
    "line",
    ["", "   ", "x\ty", "\ufeffa", "'", '"', "/*", "<!--", "{", "}", "\\", "日本", "$ ls", "+ a", "\x85", "\u2028x"],
)
def test_no_text_is_lost(language, line):
    highlighter = Highlighter(language)
    for _ in range(2):
        assert "".join(text for text, _ in highlighter.line(line)) == line
