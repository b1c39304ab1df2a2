"""A terminal or a pipe on stdin, stdout and stderr: what goes where in each of the eight combinations."""

import os
import re
import shlex

import pytest

from kaito.testing import Status, kaito_command

PROMPTED = "🤖 Connected to workspace: my-llama (llama-2-7b)\n💬 Type your message (or 'quit' to exit):\n"
CLEARED = "🗑️ Conversation history cleared"
HELP = "Available commands:"


@pytest.mark.parametrize("stdin", ["terminal", "pipe"])
@pytest.mark.parametrize("stdout", ["terminal", "pipe"])
@pytest.mark.parametrize("stderr", ["terminal", "pipe"])
def test_each_stream_gets_its_own_output(start, server, stdin, stdout, stderr):
    server.enqueue(Status(500, {"error": {"message": "boom"}}))
    interactive = stdin == "terminal"
    # A script goes on after its failure, as a person does.
    session = start(*([] if interactive else ["--keep-going"]), stdin=stdin, stdout=stdout, stderr=stderr)
    lines = ["fails", "hello", "clear", "help", "quit"]
    if interactive:
        asides = (lambda: session.transcript) if "terminal" in (stdout, stderr) else (lambda: session.err.decode())
        for count, line in enumerate(lines, start=1):
            session.wait_for(lambda session, count=count: asides().count("\n>") >= count)
            session.type(f"{line}\n")
    else:
        session.send("".join(f"{line}\n" for line in lines).encode())
        session.close_stdin()
    assert session.wait_exit() == (0 if interactive else 1)
    on_screen = session.transcript
    out = on_screen if stdout == "terminal" else session.out.decode()
    err = on_screen if stderr == "terminal" else session.err.decode()

    assert "Assistant: hello\n" in out
    assert HELP in out
    assert "❌ Model Error: boom" in err
    # What belongs to a person goes to stdout if that is a terminal, and nowhere without a person.
    person = out if stdout == "terminal" else err
    for text in (PROMPTED, "👋 Goodbye!"):
        assert (text in person) is interactive
    if interactive:
        assert CLEARED in person
        assert "(/help shows more)" in err
    else:
        assert CLEARED in err
        assert "at stdin:1" in err
    if stdout == "pipe":
        # Answers and what was asked for, nothing else.
        assert session.out.startswith(b"Assistant: hello\nAvailable commands:\n")
        assert session.out.endswith(b"  status    - Show current configuration\n")
    if stderr == "pipe" and stdout == "terminal":
        assert "Assistant" not in err
        assert HELP not in err
    for name, data in (("stdout", session.out), ("stderr", session.err)):
        assert b"\x1b" not in data, name


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_full_disk_does_not_end_the_prompt(terminal, server):
    command = shlex.join(kaito_command("chat", "--endpoint", server.url, "--workspace-name", "my-llama"))
    session = terminal(["sh", "-c", f"{command} > /dev/full"], env={"KAITO_HISTORY": "off"})
    for count, line in enumerate(["one", "two", "quit"], start=1):
        session.wait_for("\n>", count=count)
        session.type(f"{line}\n")
    assert session.wait_exit() == 0
    assert session.transcript.count("Cannot write to stdout: No space left on device") == 2
    assert len(server.chats) == 2


def test_the_line_of_forward_breaks_between_words(terminal, server):
    session = terminal(kaito_command("forward", "--endpoint", server.url, "--port", "0"), columns=40)
    session.wait_for("via url")
    words = " ".join(session.screen.split())
    assert re.fullmatch(r"Forwarding http://127\.0\.0\.1:\d+ -> the endpoint via url", words)
    session.press("ctrl-c")
    session.wait_exit()
