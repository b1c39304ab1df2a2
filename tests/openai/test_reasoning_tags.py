"""Reasoning between tags at the beginning of an answer, and closing tags that stand alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.openai.reasoning_tags import ReasoningSplitter, split_orphan


def split(*pieces):
    splitter = ReasoningSplitter()
    parts = [splitter.feed(piece) for piece in pieces]
    parts.append(splitter.finish())
    return "".join(reasoning for reasoning, _ in parts), "".join(answer for _, answer in parts)


@pytest.mark.parametrize(
    ("text", "reasoning", "answer"),
    [
        ("<think>hm</think>yes", "hm", "yes"),
        ("<think>\nhm\n</think>\n\nyes\n", "\nhm\n", "yes\n"),
        ("\n <thinking>hm</think></thinking> yes", "hm</think>", "yes"),
        ("[THINK]hm[/THINK]yes", "hm", "yes"),
        ("<THINK>hm</Think>yes", "hm", "yes"),
        ("<think></think>yes", "", "yes"),
        ("<think>hm", "hm", ""),
        ("<think>hm</thi", "hm</thi", ""),
        ("<think>a < b </ c</think>yes", "a < b </ c", "yes"),
        ("yes", "", "yes"),
        ("<thin", "", "<thin"),
        ("<thinker>yes", "", "<thinker>yes"),
        ("Use <think>hm</think>", "", "Use <think>hm</think>"),
        ("<b>yes</b>", "", "<b>yes</b>"),
        ("[1] yes", "", "[1] yes"),
        ("  ", "", "  "),
        ("", "", ""),
        (" " * 100 + "<think>yes", "", " " * 100 + "<think>yes"),
    ],
)
def test_a_tag_that_opens_the_answer_is_reasoning_until_it_closes(text, reasoning, answer):
    assert split(text) == split(*text) == (reasoning, answer)


def test_nothing_is_held_that_cannot_be_a_tag():
    splitter = ReasoningSplitter()
    assert splitter.feed("He") == ("", "He")
    assert splitter.done
    splitter = ReasoningSplitter()
    assert splitter.feed("<think>a") == ("a", "")
    assert splitter.feed("b</") == ("b", "")
    assert splitter.feed("c") == ("</c", "")


PIECES = st.lists(
    st.sampled_from(["<", "think", ">", "</", "ing", "[", "THINK", "]", "[/", " ", "\n", "x", "İ"]), max_size=14
)


@given(PIECES)
def test_the_pieces_do_not_matter(pieces):
    assert split(*pieces) == split("".join(pieces)) == split(*"".join(pieces))


@pytest.mark.parametrize(
    ("text", "reasoning", "answer"),
    [
        ("hm\n</think>\n\nyes", "hm\n", "yes"),
        ("</think>yes", "", "yes"),
        ("hm[/THINK]yes", "hm", "yes"),
        ("yes", "", "yes"),
        ("The tag `</think>` ends it", "", "The tag `</think>` ends it"),
        ("It writes <think>…</think> first", "", "It writes <think>…</think> first"),
    ],
)
def test_a_closing_tag_alone_ends_reasoning(text, reasoning, answer):
    assert split_orphan(text) == (reasoning, answer)
