"""Recorded sessions: what their marks mean, and what is told of a session that goes otherwise."""

import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.testing import play
from kaito.testing.recording import Step, read_recording

ASKING = [
    *(sys.executable, "-u", "-c"),
    "import time\nwhile (name := input('Who? ')): print(f'Hello {name} at {time.time()}')\nraise SystemExit(3)",
]


def test_marks_are_what_is_done_and_seen():
    steps, end = read_recording(
        """
        Hello
        > «Helo»‹backspace›
        ↺> Hel«lo»‹enter›
        waiting …‹open›
        ↺Assistant: Hello

        > ‹type: more›‹resize: 40x12›‹ctrl-d›
        """,
        ["open"],
    )
    assert steps == [
        Step("type", "Helo", "Hello\n>", 2),
        Step("press", "backspace", "Hello\n> Helo", 2),
        Step("type", "lo", "Hello\n> Hel", 3),
        Step("press", "enter", "Hello\n> Hello", 3),
        Step("call", "open", "Hello\n> Hello\nwaiting …", 4),
        Step("type", "more", "Hello\n> Hello\nAssistant: Hello\n\n>", 7),
        Step("resize", "40x12", None, 7),
        Step("press", "ctrl-d", None, 7),
    ]
    assert end == "Hello\n> Hello\nAssistant: Hello\n\n>"


def test_what_is_typed_is_waited_for_and_other_keys_are_not():
    steps, _ = read_recording("> ‹up›‹up›«a»«b»‹tab›«c»")
    assert [(step.what, step.seen) for step in steps] == [
        ("up", ">"), ("up", None), ("a", None), ("b", "> a"), ("tab", "> ab"), ("c", None)
    ]  # fmt: skip


def test_a_paste_may_have_lines():
    steps, end = read_recording(
        """
        > ‹paste›«one
          two
        »‹enter›
        """
    )
    assert steps == [Step("paste", "one\n  two\n", ">", 1), Step("press", "enter", "> one\n  two", 3, True)]
    assert end == "> one\n  two"


def test_at_the_beginning_of_a_line_the_cursor_is_there(terminal):
    steps, _ = read_recording("a\n‹up›b\n\n«c»‹up›\nd‹up›\n‹up›‹up›")
    assert [step.begins_line for step in steps] == [True, True, False, False, True, False]
    code = "import time; print('a', end=''); time.sleep(0.3); print(); print(input())"
    play(terminal([sys.executable, "-u", "-c", code]), "a\n«b»‹enter›\nb", code=0)


@pytest.mark.parametrize(
    ("recording", "end"),
    [
        ("a\nb\n↺c", "a\nc"),
        ("a\nb\n↺↺c\nd", "c\nd"),
        ("a\nb\n↺", "a"),
        ("a\nb\n↺\nc", "a\n\nc"),
        ("a\nb\n↺c\n↺d", "a\nd"),
        ("a\n\n↺b", "a\nb"),
    ],
)
def test_a_line_that_has_become_another(recording, end):
    assert read_recording(recording) == ([], end)


MARKS = "«»‹›↺"


@given(st.text(st.characters(exclude_characters=MARKS, exclude_categories=["Cs"])))
def test_text_without_marks_comes_through_as_it_is(text):
    steps, end = read_recording(f"|{text}|")
    assert steps == []
    assert end == "\n".join(line.rstrip() for line in f"|{text}|".split("\n"))


@given(st.lists(st.sampled_from(["a", " ", "\n", "…", "‹enter›", "‹up›", "«b»", "‹paste›", "‹", "»", "↺", "\n↺"])))
def test_a_recording_is_understood_or_refused(pieces):
    text = "".join(pieces)
    try:
        steps, end = read_recording(text)
    except ValueError:
        return
    typed = "".join(step.what for step in steps if step.kind == "type")
    assert typed == "b" * (text.count("«b»") - text.count("‹paste›"))
    assert not set(end) & set(MARKS)
    if "↺" not in text:
        shown = [step.seen for step in steps if step.seen is not None]
        assert all(end.startswith(seen) for seen in shown)


@pytest.mark.parametrize(
    ("recording", "told"),
    [
        ("a\n> ‹entr›", "line 2: there is no key and no action ‹entr›; did you mean ‹enter›?"),
        ("‹xyz›", "line 1: there is no key and no action ‹xyz›$"),
        ("‹opne›‹open›", "no key and no action ‹opne›; did you mean ‹open›?"),
        ("‹resize: wide›‹open›", "no key and no action ‹resize: wide›"),
        ("‹resize: 0x5›‹open›", "no key and no action ‹resize: 0x5›"),
        ("‹type: ›‹open›", "no key and no action ‹type: ›"),
        ("«a‹open›", "line 1: '«' is no mark here"),
        ("\na\nb»‹open›", "line 2: '»' is no mark here"),
        ("‹open", "line 1: '‹' is no mark here"),
        ("a ↺‹open›", "line 1: '↺' is no mark here"),
        ("«a\nb»‹open›", "line 1: a line break is typed by ‹enter›, or ‹paste› stands before"),
        ("‹paste›‹open›", "line 1: after ‹paste› comes what is pasted: «…»"),
        ("‹paste› «a»‹open›", "line 1: after ‹paste› comes what is pasted: «…»"),
        ("‹open›‹paste›", "after ‹paste› comes what is pasted: «…»"),
        ("↺a‹open›", "line 1: ↺ takes the place of more lines than there are"),
        ("a\n↺↺b‹open›", "line 2: ↺↺ takes the place of more lines than there are"),
        ("a", "‹open› is not in the recording"),
    ],
)
def test_a_recording_that_cannot_be_understood(recording, told):
    with pytest.raises(ValueError, match=told.replace("?", r"\?")):
        read_recording(recording, ["open"])


@pytest.mark.parametrize("name", ["up", "paste"])
def test_an_action_does_not_take_a_key_s_name(name):
    with pytest.raises(ValueError, match=f"‹{name}› has a meaning already"):
        read_recording(f"‹{name}›", [name])


def test_a_session_is_played(terminal):
    called = []
    play(
        terminal(ASKING),
        """
        Who? «Bee»‹backspace›
        ↺Who? Be«n»‹note›‹enter›
        Hello Ben at ….…
        Who? ‹enter›
        """,
        code=3,
        note=lambda: called.append("noted"),
    )
    assert called == ["noted"]


def test_a_session_may_go_on_after_it(terminal):
    session = terminal(ASKING)
    play(session, "Who? «Ann»‹enter›\nHello Ann at …\nWho?")
    session.press("ctrl-d")
    session.wait_for("EOFError")


def test_the_window_and_a_paste(terminal):
    code = """
import os, signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGWINCH])
print("ready", end="", flush=True)
signal.sigwait([signal.SIGWINCH])
os.write(1, b" %dx%d:" % os.get_terminal_size(0))
print(input(), input())
"""
    play(
        terminal([sys.executable, "-u", "-c", code]),
        """
        ready‹resize: 40x12› 40x12:‹paste›«a
        b»‹enter›
        a b
        """,
        code=0,
    )


def test_what_is_seen_otherwise_is_shown_as_a_difference(terminal):
    with pytest.raises(AssertionError) as caught:
        play(terminal(ASKING), "Who? «Ann»‹enter›\nHello Ann at …\nWho is it? ‹enter›", timeout=0.5)
    told = str(caught.value).split("\n")
    assert told[:3] == ["--- recording", "+++ screen", "@@ -1,3 +1,3 @@"]
    assert told[3] == " Who? Ann"
    # What "…" stands for is no difference.
    assert told[4].startswith(" Hello Ann at 1")
    assert told[5:7] == ["-Who is it?", "+Who?"]
    assert "what the recording shows before ‹enter› in its line 3 was not seen within 0.5 s; it still runs" in told[7]
    assert "-- terminal's bytes" in told


@pytest.mark.parametrize(
    ("recording", "told"),
    [
        ("Who?", "it did not end within 0.5 s"),
        ("Who", "at its end was not seen within 0.5 s; it still runs"),
        ("Who\n…", "at its end was not seen within 0.5 s; it still runs"),
        ("Who?… ‹enter›", "before ‹enter› in its line 1 was not seen within 0.5 s; it still runs"),
    ],
)
def test_a_session_that_waits(terminal, recording, told):
    with pytest.raises(AssertionError, match=re.escape(told)):
        play(terminal(ASKING), recording, code=0, timeout=0.5)


@pytest.mark.parametrize(
    ("recording", "told"),
    [
        ("Who? ‹enter›\nmore", "at its end was not seen within 60.0 s; it ended with 3"),
        ("Who? ‹enter›\nmore‹enter›", "before ‹enter› in its line 2 was not seen within 60.0 s; it ended with 3"),
        ("…? ‹enter›", "The exit code is 3, not 0\n-- what is seen\nWho?"),
    ],
)
def test_a_session_that_ends_otherwise(terminal, recording, told):
    with pytest.raises(AssertionError, match=re.escape(told)):
        play(terminal(ASKING), recording, code=0, timeout=60.0)


def test_what_is_written_after_the_end_counts(terminal):
    code = "input('a\\n'); print('b'); import time; time.sleep(0.2); print('c')"
    with pytest.raises(AssertionError, match=r"\+c"):
        play(terminal([sys.executable, "-u", "-c", code]), "a\n‹enter›\nb", code=0)


def test_nothing_is_done_of_a_recording_that_cannot_be_understood(terminal):
    session = terminal(ASKING)
    with pytest.raises(ValueError, match="no key and no action ‹entr›"):
        play(session, "Who? «Ann»‹enter›\n‹entr›")
    session.wait_for("Who?")
    assert session.transcript == "Who?"
