"""Ctrl-C, SIGTERM, SIGHUP and a narrower window, at each moment of a chat."""

import contextlib
import os
import re
import select
import shlex
import signal
import termios

import pytest

from kaito.eventloop.termination import GRACE
from kaito.history.library import Library
from kaito.testing import Gate, Hang, Say, Status, kaito_command
from tests.e2e.terminals.seen import at_prompt, editor, screen


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
        command = editor(self._folder, "print('editing', flush=True); signal.pause()")
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
                session.wait_for(lambda session: screen(session).endswith("editing") and session.cursor[0] == 0)
        return session


@pytest.fixture
def moments(start, server, tmp_path):
    return Moments(start, server, tmp_path)


# The end of the process


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
@pytest.mark.parametrize("moment", Moments.NAMES)
def test_a_signal_ends_a_chat_cleanly(moments, server, kaito, clean_environment, moment, number, code):
    session = moments.reach(moment)
    os.kill(session.pid, number)
    assert session.wait_exit() == code
    assert session.modes[3] & termios.ECHO
    assert session.modes[3] & termios.ICANON
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
        [info] = Library(clean_environment / ".local" / "state" / "kaito").find()
        assert info.turns == 1
        assert kaito("history", "show", info.id).out.endswith("\nAssistant:\nHel\n")


@pytest.mark.parametrize("moment", ["prompt", "between tokens"])
def test_several_signals_count_as_one(moments, server, moment):
    # A shell whose window is closed sends its own after the kernel's.
    session = moments.reach(moment)
    for number in (signal.SIGHUP, signal.SIGHUP, signal.SIGTERM):
        os.kill(session.pid, number)
    # Sooner than the time after which the end is forced.
    assert session.wait_exit(timeout=GRACE - 0.5) in (129, 143)
    assert "Traceback" not in screen(session)
    assert "bug" not in screen(session)


@pytest.fixture
def full_pipe(server, start, tmp_path):
    """Start a chat whose stdout is a pipe that nobody reads, and return its session when the pipe is full."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with contextlib.ExitStack() as files:

        def full_pipe(*arguments):
            server.enqueue(Say(chunks=["word " * 100_000]))
            files.callback(os.close, os.open(pipe, os.O_RDONLY | os.O_NONBLOCK))
            writer = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
            files.callback(os.close, writer)
            session = start(*arguments, stdout=pipe)
            if not arguments:
                session.wait_for("\n> ")
                session.type("Hi\n")
            session.wait_for(lambda _: not select.select([], [writer], [], 0)[1])
            return session

        yield full_pipe


def test_a_signal_ends_a_chat_whose_output_is_not_read(full_pipe):
    session = full_pipe("-m", "x")
    os.kill(session.pid, signal.SIGTERM)
    assert session.wait_exit() == 143


@pytest.mark.parametrize("arguments", [["-m", "x"], []])
def test_two_ctrl_c_end_a_chat_whose_output_is_not_read(full_pipe, arguments):
    session = full_pipe(*arguments)
    os.kill(session.pid, signal.SIGINT)
    code = None
    while code is None:
        # The kernel merges a signal with one of its kind that is still pending, so a single press may be lost.
        os.kill(session.pid, signal.SIGINT)
        with contextlib.suppress(AssertionError):
            code = session.wait_exit(0.5)
    assert code == 130
    assert session.modes[3] & termios.ECHO


# Ctrl-C


@pytest.mark.parametrize(
    "moment", ["prompt", "half a line", "block", "before the first token", "between tokens", "retry"]
)
def test_ctrl_c_returns_to_the_prompt(moments, server, moment):
    session = moments.reach(moment)
    before = session.modes
    session.press("ctrl-c")
    session.wait_for(at_prompt(2))
    if "token" in moment:
        server.wait_for_disconnect()
    if moment in ("prompt", "half a line", "block"):
        assert session.modes == before
    session.type("Hello\n")
    session.wait_for("Assistant: Hello\n\n>")
    contents = [message["content"] for message in server.chats[-1].messages]
    assert contents == (["Hi", "Hel", "Hello"] if moment == "between tokens" else ["Hello"])


# A narrower window, whose lines nobody draws anew here


def test_resizing_at_the_prompt(chat, server):
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


def test_resizing_during_an_answer(moments, server):
    session = moments.reach("between tokens")
    session.resize(40, 12)
    moments.gate.open()
    session.wait_for("Assistant: Hello\n\n>")
    session.type("a line that is longer than the new window has columns")
    session.wait_for("> a line that is longer than the new win\ndow has columns")


def seconds_waited(session):
    """Return the seconds that the status line shows; a busy machine may leave some out."""
    found = re.search(r"waiting for the model … (\d+) s", screen(session))
    return int(found[1]) if found else 0


def test_resizing_while_waiting(moments, server):
    gate = Gate()
    session = moments.reach("prompt")
    server.enqueue(Say(chunks=[gate, "Hello"]))
    session.type("Hi\n")
    session.wait_for(lambda session: seconds_waited(session) > 0)
    session.resize(40, 12)
    before = seconds_waited(session)
    session.wait_for(lambda session: seconds_waited(session) > before)
    gate.open()
    session.wait_for("Assistant: Hello\n\n>")
    assert "waiting" not in screen(session)


@pytest.mark.parametrize("command", ["forward", "chat"])
def test_ctrl_c_ends_its_line(terminal, server, command):
    """The prompt of the user's shell begins a line, also after `^C`; and no empty line follows what was written since."""
    server.enqueue(Hang("some words"))
    arguments = {"forward": ["--port", "0"], "chat": ["-m", "Hi"]}[command]
    line = shlex.join(kaito_command(command, "--endpoint", server.url, *arguments))
    session = terminal(["bash", "--norc", "--noprofile", "-i"], env={"PS1": "$ "})
    session.wait_for("$")
    session.type(f"clear; {line}\n")
    session.wait_for({"forward": "via url", "chat": "some words"}[command])
    session.press("ctrl-c")
    session.wait_for("\n$")
    ended = [part for part in session.screen.splitlines() if "via url" in part or "^C" in part or part == "$"]
    assert ended[-1] == "$"
    assert any("^C" in part for part in session.screen.splitlines())
    assert "\n\n$" not in session.screen
    session.type("exit\n")
    session.wait_exit()
