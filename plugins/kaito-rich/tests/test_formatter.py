"""The formatter beside `plain`: the same to pipes, the same thoughts, and nothing imported that is not needed."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kaito_rich.formatter import Markdown

from kaito.formatters.plain import Plain
from kaito.types import Delta, Reply, Screen

ANSWER = "\n\n# Title\n\n- **a**\n- b\n\n| a |\n|---|\n"


def run(formatter, deltas, reply):
    return "".join([formatter.feed(delta) for delta in deltas]) + formatter.finish(reply)


@given(st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), max_size=8), st.sampled_from((None, "stop")))
def test_what_goes_to_a_pipe_is_what_plain_writes(pieces, reason):
    deltas = [Delta(content=content, reasoning=reasoning) for content, reasoning in pieces]
    reply = Reply(content="".join(content for content, _ in pieces), finish_reason=reason)
    for colour in (False, True):
        screen = Screen(terminal=False, colour=colour)
        assert run(Markdown(screen), deltas, reply) == run(Plain(screen), deltas, reply)


@pytest.mark.parametrize("colour", [False, True])
def test_thoughts_are_plains(colour):
    screen = Screen(terminal=True, colour=colour)
    deltas = [
        Delta(reasoning="I *thi"),
        Delta(reasoning="nk*\n"),
        Delta(content="\n"),
        Delta(content="So", reasoning="late"),
    ]
    reply = Reply(content="So", finish_reason="stop")
    assert run(Markdown(screen), deltas, reply) == run(Plain(screen), deltas, reply)


def test_a_thought_that_comes_with_the_first_word_stands_before_it():
    deltas = [Delta(reasoning="Hm.", content="- a")]
    out = run(Markdown(Screen(terminal=True)), deltas, Reply(content="- a", finish_reason="stop"))
    assert out == "Thinking: Hm.\nAssistant: \n• a\n"


@pytest.mark.parametrize(
    ("deltas", "reason"),
    [
        ([], "stop"),
        ([], None),
        ([Delta(content=" \n")], "stop"),
        ([Delta(content=" ")], None),
        ([Delta(reasoning="a")], None),
    ],
)
def test_an_answer_without_a_word_is_plains(deltas, reason):
    screen, reply = Screen(terminal=True), Reply(content="", finish_reason=reason)
    assert run(Markdown(screen), deltas, reply) == run(Plain(screen), deltas, reply)


def test_nothing_is_written_before_there_is_something_to_see():
    formatter = Markdown(Screen(terminal=True))
    assert formatter.feed(Delta(content="**")) == ""
    assert formatter.finish(Reply(content="**")) == "Assistant: **\n"


def test_thoughts_after_the_answer_began_are_left_out():
    formatter = Markdown(Screen(terminal=True))
    assert formatter.feed(Delta(content="**a")) == ""
    assert formatter.feed(Delta(reasoning="late")) == ""
    assert formatter.feed(Delta(content="** ")) == "Assistant: a"


IMPORTS = """
import sys
import kaito_rich
from kaito.types import Delta, Reply, Screen
def loaded(): return sorted({name.split(".")[0] for name in sys.modules} & {"rich", "pygments", "markdown_it"})
(formatter,) = kaito_rich.kaito_formatters()
piped = formatter(Screen())
piped.feed(Delta(content="# a")), piped.finish(Reply(content="# a"))
shown = formatter(Screen(terminal=True))
shown.feed(Delta(reasoning="a", content=" "))
print(loaded())
shown.feed(Delta(content="a *b* "))
print(loaded(), "rich.console" in sys.modules)
"""


def test_what_is_heavy_is_imported_when_it_is_needed():
    ran = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout == "[]\n['rich'] False\n"
