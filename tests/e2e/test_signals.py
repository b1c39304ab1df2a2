"""Ctrl-C, Ctrl-D, Ctrl-Z, another window size, SIGTERM and SIGHUP, at each moment of a chat."""

import fcntl
import os
import re
import signal
import sys
import termios
import time

import pytest

from kaito.testing import Gate, Hang, Say, Status, kaito_command
from tests.e2e.seen import BANNER, at_prompt, at_rest, editor, screen, shows

STOPPED = re.compile(r"Stopped.*\n\$$", re.DOTALL)

BUSY_EDITOR = """
print("editing", flush=True)
while not (file.parent.parent / "done").exists():
    time.sleep(0.02)
"""


class Moments:
    """Brings a chat to a moment of its life.

    Attributes:
        gate: holds up an answer in its middle.
    """

    NAMES = (
        "connecting", "prompt", "half a line", "block", "before the first token", "between tokens", "retry", "edit"
    )  # fmt: skip

    def __init__(self, start, server, folder):
        self._start, self._server, self._folder = start, server, folder
        self.gate = Gate()

    def reach(self, name):
        server = self._server
        if name == "connecting":
            server.route("/v1/models", Hang())
            session = self._start()
            server.wait_for_requests(1)
            session.wait_for("connecting to my-llama")
            return session
        command = editor(
            self._folder, BUSY_EDITOR.replace("file.parent.parent", f"pathlib.Path({str(self._folder)!r})")
        )
        session = self._start(env={"EDITOR": command}, columns=120)
        session.wait_for("\n>")
        match name:
            case "half a line":
                session.type("half a li")
                session.wait_for("> half a li")
            case "block":
                session.type('"""\nfirst\n')
                session.wait_for("... first\n...")
            case "before the first token":
                server.enqueue(Hang())
                session.type("Hi\n")
                session.wait_for("waiting for the model")
            case "between tokens":
                server.enqueue(Say(chunks=["Hel", self.gate, "lo"]))
                session.type("Hi\n")
                session.wait_for("Assistant: Hel")
            case "retry":
                server.enqueue(Status(503, retry_after=30))
                session.type("Hi\n")
                session.wait_for("retrying in ")
            case "edit":
                session.type("/edit\n")
                session.wait_for("editing")
        at_rest(session)
        return session

    def end_editor(self):
        (self._folder / "done").touch()


@pytest.fixture
def moments(start, server, tmp_path):
    return Moments(start, server, tmp_path)


def modes(session):
    """Return the terminal's settings."""
    return termios.tcgetattr(session._console._slave)


# The end of the process


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
@pytest.mark.parametrize("moment", Moments.NAMES)
def test_a_signal_ends_it_in_good_order(moments, server, clean_environment, moment, number, code):
    session = moments.reach(moment)
    os.kill(session.pid, number)
    assert session.wait_exit() == code
    assert modes(session)[3] & termios.ECHO
    assert modes(session)[3] & termios.ICANON
    seen = screen(session)
    assert "Traceback" not in seen
    assert "❌" not in seen
    assert "waiting" not in seen
    if moment != "connecting":
        # The shell's prompt comes on a line of its own.
        assert session.cursor[0] == 0
    if moment in ("before the first token", "between tokens", "connecting"):
        server.wait_for_disconnect()
    if moment == "between tokens":
        [file] = (clean_environment / ".local" / "state" / "kaito" / "conversations").iterdir()
        assert '"Hel"' in file.read_text()


@pytest.mark.parametrize("moment", ["prompt", "between tokens"])
def test_several_signals_are_as_one(moments, server, moment):
    # A shell whose window is closed sends its own after the kernel's.
    session = moments.reach(moment)
    for number in (signal.SIGHUP, signal.SIGHUP, signal.SIGTERM):
        os.kill(session.pid, number)
    assert session.wait_exit() in (129, 143)
    assert "Traceback" not in screen(session)


def test_a_signal_ends_it_though_nobody_reads_what_it_writes(server, start):
    server.enqueue(Say("word " * 100_000))
    session = start("-m", "x", stdout="pipe")
    server.wait_for_chats(1)
    # Nothing is read from the pipe until the program has ended, so that it is full at some time.
    held = [-1, 0]
    deadline = time.monotonic() + 10
    while held[-1] == 0 or held[-1] != held[-2]:
        assert time.monotonic() < deadline
        time.sleep(0.2)
        pipe = fcntl.ioctl(session._console._process.stdout, termios.FIONREAD, bytes(4))
        held.append(int.from_bytes(pipe, sys.byteorder))
    os.kill(session.pid, signal.SIGTERM)
    os.waitid(os.P_PID, session.pid, os.WEXITED | os.WNOWAIT)
    assert session.wait_exit() == 143


# Ctrl-C


@pytest.mark.parametrize(
    "moment", ["prompt", "half a line", "block", "before the first token", "between tokens", "retry"]
)
def test_ctrl_c_leads_to_a_prompt(moments, server, moment):
    session = moments.reach(moment)
    before = modes(session)
    session.press("ctrl-c")
    session.wait_for(at_prompt(2))
    if "token" in moment:
        server.wait_for_disconnect()
    if moment in ("prompt", "half a line", "block"):
        assert modes(session) == before
    session.type("Hello\n")
    session.wait_for("Assistant: Hello\n\n>")
    contents = [message["content"] for message in server.chats[-1].messages]
    assert contents == (["Hi", "Hel", "Hello"] if moment == "between tokens" else ["Hello"])


def test_ctrl_c_while_connecting_ends_it(moments):
    session = moments.reach("connecting")
    session.press("ctrl-c")
    assert session.wait_exit() == 130
    assert screen(session) in ("", "^C")


def test_ctrl_c_in_the_editor_is_the_editor_s(moments, server):
    session = moments.reach("edit")
    session.press("ctrl-c")
    session.wait_for("❌ Error: The editor")
    session.wait_for(at_prompt(2))
    assert "was ended by signal 2; nothing was sent" in screen(session)
    assert server.chats == []


def test_ctrl_c_at_an_empty_prompt_tells_once_how_to_leave(chat):
    session = chat()
    session.type("half")
    session.wait_for("> half")
    for count in (2, 3, 4):
        at_rest(session)
        session.press("ctrl-c")
        session.wait_for(at_prompt(count))
    assert screen(session) == BANNER + "> half\n>\n(Ctrl-D or 'quit' leaves)\n\n>\n>"
    assert b"\x1b[2m(Ctrl-D or 'quit' leaves)" in session.raw


# Ctrl-D


def test_ctrl_d_on_half_a_line_does_nothing(moments):
    session = moments.reach("half a line")
    session.press("ctrl-d")
    session.type("ne\n")
    session.wait_for("Assistant: half a line\n\n>")


def test_ctrl_d_during_an_answer_is_lost_on_it(moments):
    session = moments.reach("between tokens")
    session.press("ctrl-d")
    moments.gate.open()
    session.wait_for("Assistant: Hello\n\n>")
    session.type("More\n")
    session.wait_for("Assistant: More\n\n>")


def test_ctrl_d_in_a_block_leaves_pastes_whole(moments, server):
    session = moments.reach("block")
    session.press("ctrl-d")
    session.wait_for(at_prompt(2))
    session.paste("one\nquit\ntwo")
    session.wait_for("two")
    session.press("enter")
    session.wait_for("Assistant: one\nquit\ntwo\n\n>")
    session.press("ctrl-c")
    session.wait_for("leaves)\n\n>")
    session.press("up", "up")
    session.wait_for('> """\nfirst')
    session.press("enter")
    session.wait_for("first\n...")
    session.type('"""\n')
    session.wait_for("Assistant: first\n\n>")
    session.press("ctrl-d")
    assert session.wait_exit() == 0
    assert screen(session) == (
        BANNER + '> """\n... first\n...\n❌ Error: a block opened by """ is not closed\n\n'
        "> one\nquit\ntwo\nAssistant: one\nquit\ntwo\n\n"
        ">\n(Ctrl-D or 'quit' leaves)\n\n"
        '> """\nfirst\n... """\nAssistant: first\n\n>\n👋 Goodbye!'
    )


# Ctrl-Z


@pytest.fixture
def shell(terminal, server):
    """Start an interactive shell that has run a chat, as only from there it can be stopped."""

    def shell(**env):
        session = terminal(["bash", "--norc", "--noprofile", "-i"], env={"PS1": "$ ", "HISTFILE": None, **env})
        session.wait_for(shows("$"))
        chat = " ".join(kaito_command("chat", "--endpoint", server.url, "--workspace-name", "my-llama"))
        session.type(f"clear; {chat}\n")
        session.wait_for("\n>")
        return session

    return shell


def stop_and_go(session):
    session.press("ctrl-z")
    session.wait_for(lambda session: STOPPED.search(screen(session)))
    session.type("stty -a | grep -c ' echo '\n")
    session.wait_for("\n1\n$")
    session.type("fg\n")


def test_ctrl_z_keeps_what_was_typed(shell, server):
    session = shell()
    session.type("hello wor")
    session.wait_for("> hello wor")
    for _ in range(2):
        stop_and_go(session)
        session.wait_for(shows("> hello wor"))
    session.paste("l\nd")
    session.wait_for(shows("d"))
    session.press("enter")
    session.wait_for("Assistant: hello worl\nd\n\n>")
    assert server.chats[0].last_message == "hello worl\nd"


def test_ctrl_z_in_a_block(shell, server):
    session = shell()
    session.type('"""\nfirst\nsec')
    session.wait_for("... sec")
    stop_and_go(session)
    session.wait_for(shows("... sec"))
    session.type('ond\n"""\n')
    session.wait_for("Assistant: first\nsecond\n\n>")


def test_ctrl_z_during_an_answer(shell, server):
    gate = Gate()
    server.enqueue(Say(chunks=["Hel", gate, "lo"]))
    session = shell()
    session.type("Hi\n")
    session.wait_for("Assistant: Hel")
    stop_and_go(session)
    session.type("typed ahead")
    gate.open()
    session.wait_for("lo\n\n> typed ahead")
    assert "typed aheadlo" not in screen(session)


def test_ctrl_z_while_the_first_token_is_waited_for(shell, server):
    gate = Gate()
    server.enqueue(Say(chunks=[gate, "Hello"]))
    session = shell()
    session.type("Hi\n")
    session.wait_for("waiting for the model")
    stop_and_go(session)
    session.wait_for(lambda session: "waiting for the model" in session.screen.splitlines()[-1])
    gate.open()
    session.wait_for("Assistant: Hello\n\n>")
    assert "waiting" not in screen(session)


def test_ctrl_z_and_on_in_the_background(shell, server):
    gate = Gate()
    server.enqueue(Say(chunks=["Hel", gate, "lo"]))
    session = shell()
    session.type("Hi\n")
    session.wait_for("Assistant: Hel")
    session.press("ctrl-z")
    session.wait_for(lambda session: STOPPED.search(screen(session)))
    session.type("bg\n")
    session.wait_for("&\n$")
    gate.open()
    session.wait_for("$ lo")
    session.type("fg\n")
    session.wait_for(shows(">"))
    session.type("More\n")
    session.wait_for("Assistant: More\n\n>")


def test_ctrl_z_in_the_editor(shell, server, tmp_path):
    session = shell(
        EDITOR=editor(tmp_path, BUSY_EDITOR.replace("file.parent.parent", f"pathlib.Path({str(tmp_path)!r})"))
    )
    session.type("/edit Hello\n")
    session.wait_for("editing")
    stop_and_go(session)
    (tmp_path / "done").touch()
    session.wait_for("Assistant: Hello\n\n>")


# Another size


def test_another_size_at_the_prompt(chat, server):
    session = chat()
    text = "a line that is long enough to take two lines in a narrow window"
    session.type(text)
    session.wait_for(f"> {text}")
    session.resize(40, 24)
    session.type(" now")
    session.wait_for("lines in a narrow window now")
    session.press("enter")
    session.wait_for("Assistant: a line")
    assert server.chats[0].last_message == f"{text} now"


def test_another_size_during_an_answer(moments, server):
    session = moments.reach("between tokens")
    session.resize(40, 12)
    moments.gate.open()
    session.wait_for("Assistant: Hello\n\n>")
    session.type("a line that is longer than the new window has columns")
    session.wait_for("> a line that is longer than the new win\ndow has columns")


def test_another_size_while_waiting(moments, server):
    gate = Gate()
    session = moments.reach("prompt")
    server.enqueue(Say(chunks=[gate, "Hello"]))
    session.type("Hi\n")
    session.wait_for("waiting for the model … 1 s")
    session.resize(40, 12)
    session.wait_for("waiting for the model … 2 s")
    gate.open()
    session.wait_for("Assistant: Hello\n\n>")
    assert "waiting" not in screen(session)
