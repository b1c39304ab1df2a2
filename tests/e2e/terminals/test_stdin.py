"""A wait for stdin is shown on the terminal, and can be ended."""

from __future__ import annotations

import os
import signal

import pytest

from kaito.eventloop.termination import GRACE
from kaito.testing import kaito_command


@pytest.fixture
def piped(terminal, server):
    """Start a chat whose stdin is a pipe, and whose stderr is the terminal."""

    def piped(*arguments, **options):
        command = kaito_command("chat", "--endpoint", server.url, *arguments)
        return terminal(command, **{"stdin": "pipe", **options})

    return piped


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [(("-m", "-"), "reading stdin …"), (("-m", "why?"), "reading stdin …"), ((), "waiting for stdin …")],
)
def test_a_wait_is_shown_and_taken_back(piped, arguments, shown):
    session = piped(*arguments)
    session.wait_for(shown)
    session.send(b"hello\n")
    session.close_stdin()
    assert session.wait_exit() == 0
    assert session.screen.startswith("Assistant: hello")
    assert "stdin" not in session.screen


@pytest.mark.parametrize("arguments", [("-m", "-"), ("-m", "why?"), ()])
def test_ctrl_c_ends_the_wait(piped, arguments):
    session = piped(*arguments)
    session.wait_for("stdin …")
    session.press("ctrl-c")
    assert session.wait_exit() == 130


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
@pytest.mark.parametrize("arguments", [("-m", "-"), ()])
def test_signals_end_the_wait(piped, arguments, number, code):
    session = piped(*arguments)
    session.wait_for("stdin …")
    os.kill(session.pid, number)
    # Sooner than the time after which the end is forced.
    assert session.wait_exit(GRACE - 0.5) == code


def test_a_message_that_is_typed(piped, server):
    session = piped("-m", "-", stdin="terminal")
    session.wait_for("(--message - reads stdin; Ctrl-D at the start of a line ends it)")
    session.type("one\ntwo\n")
    session.press("ctrl-d")
    assert session.wait_exit() == 0
    assert server.chats[-1].last_message == "one\ntwo\n"


def test_nothing_is_shown_off_a_terminal(piped):
    session = piped("-m", "-", stderr="pipe")
    session.send(b"hello")
    session.close_stdin()
    assert session.wait_exit() == 0
    assert session.err == b""
