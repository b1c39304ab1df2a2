"""Recorded sessions: the meaning of the marks, and the error messages when a session differs."""

import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.testing import replay
from kaito.testing.recording import Step, read_recording

ASKING = [
    *(sys.executable, "-u", "-c"),
    "import time\nwhile (name := input('Who? ')): print(f'Hello {name} at {time.time()}')\nraise SystemExit(3)",
]


def test_marks_become_steps():
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


def test_replay_waits_for_typed_text_but_not_for_keys():
    steps, _ = read_recording("> ‹up›‹up›«a»«b»‹tab›«c»")
    assert [(step.value, step.before) for step in steps] == [
        ("up", ">"), ("up", None), ("a", None), ("b", "> a"), ("tab", "> ab"), ("c", None)
    ]  # fmt: skip


def test_a_paste_may_have_several_lines():
    steps, end = read_recording(
        """
        > ‹paste›«one
          two
        »‹enter›
        """
    )
    assert steps == [Step("paste", "one\n  two\n", ">", 1), Step("press", "enter", "> one\n  two", 3, True)]
    assert end == "> one\n  two"


def test_a_mark_at_the_beginning_of_a_line_waits_for_the_cursor(terminal):
    steps, _ = read_recording("a\n‹up›b\n\n«c»‹up›\nd‹up›\n‹up›‹up›")
    assert [step.begins_line for step in steps] == [True, True, False, False, True, False]
    code = "import time; print('a', end=''); time.sleep(0.3); print(); print(input())"
    replay(terminal([sys.executable, "-u", "-c", code]), "a\n«b»‹enter›\nb", code=0)


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
def test_a_line_that_replaces_others(recording, end):
    assert read_recording(recording) == ([], end)


MARKS = "«»‹›↺"


@given(st.text(st.characters(exclude_characters=MARKS, exclude_categories=["Cs"])))
def test_text_without_marks_is_unchanged(text):
    steps, end = read_recording(f"|{text}|")
    assert steps == []
    assert end == "\n".join(line.rstrip() for line in f"|{text}|".split("\n"))


@given(st.lists(st.sampled_from(["a", " ", "\n", "…", "‹enter›", "‹up›", "«b»", "‹paste›", "‹", "»", "↺", "\n↺"])))
def test_any_recording_is_parsed_or_rejected(pieces):
    text = "".join(pieces)
    try:
        steps, end = read_recording(text)
    except ValueError:
        return
    typed = "".join(step.value for step in steps if step.kind == "type")
    assert typed == "b" * (text.count("«b»") - text.count("‹paste›"))
    assert not set(end) & set(MARKS)
    if "↺" not in text:
        shown = [step.before for step in steps if step.before is not None]
        assert all(end.startswith(seen) for seen in shown)


@pytest.mark.parametrize(
    ("recording", "message"),
    [
        ("a\n> ‹entr›", "line 2: unknown key or action ‹entr›; did you mean ‹enter›?"),
        ("‹xyz›", "line 1: unknown key or action ‹xyz›$"),
        ("‹opne›‹open›", "unknown key or action ‹opne›; did you mean ‹open›?"),
        ("‹resize: wide›‹open›", "unknown key or action ‹resize: wide›"),
        ("‹resize: 0x5›‹open›", "unknown key or action ‹resize: 0x5›"),
        ("‹type: ›‹open›", "unknown key or action ‹type: ›"),
        ("«a‹open›", "line 1: unexpected '«'"),
        ("\na\nb»‹open›", "line 2: unexpected '»'"),
        ("‹open", "line 1: unexpected '‹'"),
        ("a ↺‹open›", "line 1: unexpected '↺'"),
        ("«a\nb»‹open›", "line 1: type a line break with ‹enter›, or put ‹paste› before the text"),
        ("‹paste›‹open›", "line 1: ‹paste› must be followed by the pasted text: «…»"),
        ("‹paste› «a»‹open›", "line 1: ‹paste› must be followed by the pasted text: «…»"),
        ("‹open›‹paste›", "‹paste› must be followed by the pasted text: «…»"),
        ("↺a‹open›", "line 1: ↺ replaces more lines than there are"),
        ("a\n↺↺b‹open›", "line 2: ↺↺ replaces more lines than there are"),
        ("a", "the recording does not use ‹open›"),
    ],
)
def test_a_malformed_recording(recording, message):
    with pytest.raises(ValueError, match=message.replace("?", r"\?")):
        read_recording(recording, ["open"])


@pytest.mark.parametrize("name", ["up", "paste"])
def test_the_names_of_keys_are_reserved(name):
    with pytest.raises(ValueError, match=f"‹{name}› is reserved"):
        read_recording(f"‹{name}›", [name])


def test_a_session_is_replayed(terminal):
    called = []
    replay(
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


def test_a_session_may_continue_after_replay(terminal):
    session = terminal(ASKING)
    replay(session, "Who? «Ann»‹enter›\nHello Ann at …\nWho?")
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
    replay(
        terminal([sys.executable, "-u", "-c", code]),
        """
        ready‹resize: 40x12› 40x12:‹paste›«a
        b»‹enter›
        a b
        """,
        code=0,
    )


def test_a_different_screen_is_shown_as_a_diff(terminal):
    session = terminal(ASKING)
    replay(session, "Who? «Ann»‹enter›\nHello Ann at …\nWho?")
    with pytest.raises(AssertionError) as caught:
        replay(session, "Who? Ann\nHello Ann at …\nWho is it? ‹enter›", timeout=0.1)
    message = str(caught.value).split("\n")
    assert message[:3] == ["--- recording", "+++ screen", "@@ -1,3 +1,3 @@"]
    assert message[3] == " Who? Ann"
    # The line that "…" matches is not a difference.
    assert message[4].startswith(" Hello Ann at 1")
    assert message[5:7] == ["-Who is it?", "+Who?"]
    assert "the recording before ‹enter› in line 3 did not appear within 0.1 s; it is still running" in message[7]
    assert "-- bytes written to the terminal" in message


@pytest.mark.parametrize(
    ("recording", "message"),
    [
        ("Who?", "the program did not exit within 0.1 s"),
        ("Who", "at its end did not appear within 0.1 s; it is still running"),
        ("Who\n…", "at its end did not appear within 0.1 s; it is still running"),
        ("Who?… ‹enter›", "before ‹enter› in line 1 did not appear within 0.1 s; it is still running"),
    ],
)
def test_a_session_that_does_not_continue(terminal, recording, message):
    session = terminal(ASKING)
    session.wait_for("Who?")
    with pytest.raises(AssertionError, match=re.escape(message)):
        replay(session, recording, code=0, timeout=0.1)


@pytest.mark.parametrize(
    ("recording", "message"),
    [
        ("Who? ‹enter›\nmore", "at its end did not appear within 60.0 s; it exited with 3"),
        ("Who? ‹enter›\nmore‹enter›", "before ‹enter› in line 2 did not appear within 60.0 s; it exited with 3"),
        ("…? ‹enter›", "The exit code is 3, not 0\n-- screen\nWho?"),
    ],
)
def test_a_session_that_ends_differently(terminal, recording, message):
    with pytest.raises(AssertionError, match=re.escape(message)):
        replay(terminal(ASKING), recording, code=0, timeout=60.0)


def test_output_after_the_last_line_is_a_difference(terminal):
    code = "input('a\\n'); print('b'); import time; time.sleep(0.2); print('c')"
    with pytest.raises(AssertionError, match=r"\+c"):
        replay(terminal([sys.executable, "-u", "-c", code]), "a\n‹enter›\nb", code=0)


def test_a_malformed_recording_does_nothing(terminal):
    session = terminal(ASKING)
    with pytest.raises(ValueError, match="unknown key or action ‹entr›"):
        replay(session, "Who? «Ann»‹enter›\n‹entr›")
    session.wait_for("Who?")
    assert session.transcript == "Who?"
