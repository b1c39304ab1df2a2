"""Words and replies of a bash command line."""

import pytest

from kaito.cli.completion.bash_line import BashLine
from kaito.cli.completion.suggestions import Suggestion

BREAKS = " \t\n\"'@><=;|&(:"
TAB, LIST, MENU, ALL = "9", "63", "37", "42"


def replies(text, *words, breaks=BREAKS, comp_type=TAB, columns=80, description=""):
    suggestions = [Suggestion(word, description) for word in words]
    return BashLine(text, breaks).replies(suggestions, comp_type, columns)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kaito ", ["kaito", ""]),
        ("  kaito\tchat  --co", ["kaito", "chat", "--co"]),
        ("kaito --context='a b' ", ["kaito", "--context=a b", ""]),
        ("kaito '' x", ["kaito", "", "x"]),
        ("kaito 'a b", ["kaito", "a b"]),
        ('kaito "a \\"b\\" \\x', ["kaito", 'a "b" \\x']),
        ("kaito a\\ b\\'c", ["kaito", "a b'c"]),
        ("kaito 'a\\' b", ["kaito", "a\\", "b"]),
        ("kaito a\\", ["kaito", "a"]),
        ("", [""]),
    ],
)
def test_words(text, words):
    assert BashLine(text, BREAKS).words == words


@pytest.mark.parametrize(
    ("text", "word", "reply"),
    [
        ("kaito ch", "chat", "chat"),
        # readline keeps the part before the last word break
        ("kaito --context=a:b", "a:b:c", "b:c"),
        ("kaito --context=a:b:", "a:b:c", "c"),
        ("kaito --context a:b", "a:b:c", "b:c"),
        ("kaito --context a\\:b", "a:b:c", "a:b:c"),
        ("kaito --context=", "x", "x"),
        # but an '@' belongs to the word after it
        ("kaito --header @f", "@file", "@file"),
        ("kaito --header=@f", "@file", "@file"),
        ("kaito --header a:@f", "a:@file", "@file"),
        # and the part before an open quote
        ("kaito --context='a:", "a:b c", "a:b c"),
        ("kaito --context='a:b'", "a:b c", "a:b\\ c"),
        ("kaito --context 'a", "a'b", "a'\\''b"),
        ('kaito --context "a', 'a"$b', 'a\\"\\$b'),
        ("kaito --context a", "a $(b)", "a\\ \\$\\(b\\)"),
        ("kaito --context a", "aé", "a\\é"),
        ("kaito -n", "-nteam", "-nteam"),
    ],
)
def test_reply(text, word, reply):
    assert replies(text, word) == [reply]


def test_other_word_breaks():
    assert replies("kaito --context=a:", "a:b", breaks=" ") == ["--context=a:b"]


def test_descriptions_of_several_replies():
    assert replies("kaito --", "--a", "--bcd", description="x") == ["--a    (x)", "--bcd  (x)"]
    assert replies("kaito --", "--a", description="x") == ["--a"]
    assert replies("kaito --", "--a", "--b", description="x", comp_type=LIST) == ["--a  (x)", "--b  (x)"]
    for comp_type in (MENU, ALL):
        assert replies("kaito --", "--a", "--b", description="x", comp_type=comp_type) == ["--a", "--b"]


def test_descriptions_are_cut_at_the_terminal_s_width():
    [first, _] = replies("kaito --", "--a", "--b", description="what it does is this", columns=20)
    assert first == "--a  (what it doe…)"
    assert len(first) < 20
    assert replies("kaito --", "--a", "--b", description="what it does", columns=12) == ["--a", "--b"]
