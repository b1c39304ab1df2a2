"""Pasting and typing while an answer is written, on a terminal with bracketed paste."""

import os
import re
import shlex
import signal

import pytest

from kaito.testing import Cut, ErrorEvent, Gate, Say, Status, kaito_command
from kaito.testing.pty_process import PtyProcess

LINES = "one\nquit\nthree"


def bracketed_paste(session):
    """Return how the program last set bracketed paste: `h` for on, `l` for off."""
    return re.findall(rb"\x1b\[\?2004([hl])", session.raw)[-1]


def at_prompt(session):
    return session.transcript.rstrip().endswith("\n>")


@pytest.fixture
def answering(start, server):
    """Start a chat whose first answer has begun, and return it with the gate before the answer's end."""

    def answering():
        gate = Gate()
        server.enqueue(Say(chunks=["Hel", gate, "lo"]))
        session = start()
        session.wait_for("\n>")
        session.type("Hi\n")
        session.wait_for("Assistant: Hel")
        return session, gate

    return answering


@pytest.mark.parametrize("end", ["", "\n"])
def test_a_paste_during_an_answer_is_one_message_at_the_next_prompt(answering, server, end):
    session, gate = answering()
    session.paste(LINES + end)
    gate.open()
    session.wait_for("Assistant: Hello\n\n> one\nquit\nthree")
    session.press("enter")
    session.wait_for("Assistant: one\nquit\nthree\n\n>")
    assert server.chats[-1].last_message == LINES
    session.press("ctrl-d")
    assert session.wait_exit() == 0
    assert bracketed_paste(session) == b"l"


@pytest.mark.parametrize("text", ["word " * 4000, "x" * 20_000, "line\n" * 4000], ids=["words", "word", "lines"])
def test_a_large_paste_during_an_answer_is_complete(answering, server, monkeypatch, text):
    server.default = Say("Yes")
    session, gate = answering()
    pump = PtyProcess.pump

    def open_when_full(process, seconds):
        # `paste` waits: the terminal is full, because the program does not read during an answer.
        if seconds:
            gate.open()
        return pump(process, seconds)

    with monkeypatch.context() as patch:
        patch.setattr(PtyProcess, "pump", open_when_full)
        session.paste(text)
    session.press("enter")
    session.wait_for("Assistant: Yes\n\n>")
    assert server.chats[-1].last_message == text.removesuffix("\n")


def test_type_ahead_can_be_edited(answering, server):
    session, gate = answering()
    session.type("worldx")
    session.press("backspace", "home")
    session.type("my ")
    gate.open()
    session.wait_for("> my world")
    session.press("enter")
    session.wait_for("Assistant: my world\n\n>")


def test_bracketed_paste_stays_on_after_an_interrupt(answering, server):
    session, _ = answering()
    assert bracketed_paste(session) == b"h"
    session.press("ctrl-c")
    session.wait_for(at_prompt)
    session.paste(LINES)
    session.wait_for("> one\nquit\nthree")
    session.press("enter")
    session.wait_for("Assistant: one\nquit\nthree\n\n>")
    session.press("ctrl-d")
    assert session.wait_exit() == 0
    assert bracketed_paste(session) == b"l"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_during_an_answer_turns_bracketed_paste_off(answering, number):
    session, _ = answering()
    assert bracketed_paste(session) == b"h"
    os.kill(session.pid, number)
    assert session.wait_exit() == 128 + number
    assert bracketed_paste(session) == b"l"


@pytest.mark.parametrize("broken", [Cut("Hel"), ErrorEvent("Hel"), Status(500)])
def test_exit_after_a_failed_answer_turns_bracketed_paste_off(start, server, broken):
    server.enqueue(broken)
    session = start()
    session.wait_for("\n>")
    session.type("Hi\n")
    session.wait_for("Model Error")
    session.wait_for(at_prompt)
    session.press("ctrl-d")
    assert session.wait_exit() == 0
    assert bracketed_paste(session) == b"l"


@pytest.mark.parametrize(
    "options", [{"env": {"TERM": "dumb"}}, {"stdout": "pipe", "stderr": "pipe"}, {"stdin": "pipe"}]
)
def test_bracketed_paste_stays_off_without_line_editing(start, options):
    session = start(**options)
    if "stdin" in options:
        session.send(b"Hi\nquit\n")
    elif "stderr" in options:
        session.wait_for(lambda session: b"\n> " in session.err)
        session.type("Hi\nquit\n")
    else:
        session.wait_for("\n>")
        session.type("Hi\nquit\n")
    assert session.wait_exit() == 0
    assert b"2004" not in session.raw + session.out + session.err


def test_bracketed_paste_is_off_while_suspended(terminal, server):
    gate = Gate()
    server.enqueue(Say(chunks=["Hel", gate, "lo"]))
    command = kaito_command("chat", "--endpoint", server.url)
    session = terminal(["bash", "--norc", "-i"], env={"PS1": "shell$ ", "INPUTRC": "/dev/null"})
    session.wait_for("shell$")
    session.type("bind 'set enable-bracketed-paste off'\n" + shlex.join(command) + "\n")
    session.wait_for("\n>")
    session.type("Hi\n")
    session.wait_for("Assistant: Hel")
    session.press("ctrl-z")
    session.wait_for("Stopped")
    session.wait_for("shell$", count=3)
    assert bracketed_paste(session) == b"l"
    session.type("fg\n")
    session.wait_for(lambda session: bracketed_paste(session) == b"h")
    session.paste(LINES)
    gate.open()
    session.wait_for("> one\nquit\nthree")
    session.press("enter")
    session.wait_for("Assistant: one\nquit\nthree\n\n>")


def test_characters_outside_the_locale_are_sent_and_recalled(start, server):
    env = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    server.default = Say("Yes")
    for entry in ("typed", "recalled"):
        session = start(env=env)
        session.wait_for("\n>")
        if entry == "typed":
            session.type("café 🤖")
        else:
            session.press("up")
        session.press("enter")
        session.wait_for("Assistant: Yes\n\n>")
        session.press("ctrl-d")
        assert session.wait_exit() == 0
    assert [chat.last_message for chat in server.chats] == ["café 🤖"] * 2
