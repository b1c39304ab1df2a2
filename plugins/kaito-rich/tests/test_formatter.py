"""The formatter compared with `plain`: the same output in a pipe, the same reasoning, and late imports."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kaito_rich.formatter import Markdown

from kaito.formatters.plain import Plain
from kaito.settings import Settings
from kaito.types import Delta, Reply, Screen, ToolCall

ANSWER = "\n\n# Title\n\n- **a**\n- b\n\n| a |\n|---|\n"


def run(formatter, deltas, reply):
    return "".join([formatter.feed(delta) for delta in deltas]) + formatter.finish(reply)


@given(st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), max_size=8), st.sampled_from((None, "stop")))
def test_in_a_pipe_the_output_is_that_of_plain(pieces, reason):
    deltas = [Delta(content=content, reasoning=reasoning) for content, reasoning in pieces]
    reply = Reply(content="".join(content for content, _ in pieces), finish_reason=reason)
    for colour in (False, True):
        screen = Screen(terminal=False, colour=colour)
        assert run(Markdown(screen, Settings()), deltas, reply) == run(Plain(screen, Settings()), deltas, reply)


@pytest.mark.parametrize("colour", [False, True])
def test_reasoning_is_formatted_by_plain(colour):
    screen = Screen(terminal=True, colour=colour)
    deltas = [
        Delta(reasoning="I *thi"),
        Delta(reasoning="nk*\n"),
        Delta(content="\n"),
        Delta(content="So", reasoning="late"),
    ]
    reply = Reply(content="So", finish_reason="stop")
    assert run(Markdown(screen, Settings()), deltas, reply) == run(Plain(screen, Settings()), deltas, reply)


def test_reasoning_in_the_first_delta_precedes_the_text():
    deltas = [Delta(reasoning="Hm.", content="- a")]
    out = run(Markdown(Screen(terminal=True), Settings()), deltas, Reply(content="- a", finish_reason="stop"))
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
def test_an_empty_answer_is_formatted_by_plain(deltas, reason):
    screen, reply = Screen(terminal=True), Reply(content="", finish_reason=reason)
    assert run(Markdown(screen, Settings()), deltas, reply) == run(Plain(screen, Settings()), deltas, reply)


@pytest.mark.parametrize("pieces", [[], ["a *b*"], ["- a\n- b\n\n"]])
def test_calls_of_tools_are_formatted_by_plain(pieces):
    call = ToolCall(id="1", name="add", arguments='{"a": "*1*"}')
    reply = Reply(content="".join(pieces), tool_calls=(call, call), finish_reason="tool_calls")
    text = run(Markdown(Screen(terminal=True), Settings()), [Delta(content=piece) for piece in pieces], reply)
    lines = '[tool call] add({"a": "*1*"})\n' * 2
    assert text == ("Assistant: " + lines if not pieces else text.removesuffix(lines) + lines)
    assert text.removesuffix(lines).endswith("\n") is bool(pieces)


def test_nothing_is_written_before_the_first_visible_character():
    formatter = Markdown(Screen(terminal=True), Settings())
    assert formatter.feed(Delta(content="**")) == ""
    assert formatter.finish(Reply(content="**")) == "Assistant: **\n"


def test_reasoning_after_the_answer_began_is_left_out():
    formatter = Markdown(Screen(terminal=True), Settings())
    assert formatter.feed(Delta(content="**a")) == ""
    assert formatter.feed(Delta(reasoning="late")) == ""
    assert formatter.feed(Delta(content="** ")) == "Assistant: a"


IMPORTS = """
import sys
import kaito_rich
from kaito.settings import Settings
from kaito.types import Delta, Reply, Screen
def loaded(): return sorted({name.split(".")[0] for name in sys.modules} & {"rich", "pygments", "markdown_it"})
(formatter,) = kaito_rich.kaito_formatters()
piped = formatter(Screen(), Settings())
piped.feed(Delta(content="# a")), piped.finish(Reply(content="# a"))
shown = formatter(Screen(terminal=True), Settings())
shown.feed(Delta(reasoning="a", content=" "))
print(loaded())
shown.feed(Delta(content="a *b* "))
print(loaded(), "rich.console" in sys.modules)
"""


def test_heavy_modules_are_imported_late():
    ran = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout == "[]\n['rich'] False\n"
