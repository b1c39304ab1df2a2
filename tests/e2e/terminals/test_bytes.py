"""What a terminal is sent beside the text: colours, blanks that nobody sees, and its settings."""

import re

from kaito.testing import Hang, Say, Status, kaito_command
from tests.e2e.terminals.seen import BANNER, at_prompt


def test_the_help_s_two_blanks_are_there(chat):
    session = chat()
    session.type("help\n")
    session.wait_for(at_prompt(2))
    assert b"Clear conversation history  \r\n" in session.raw


def test_errors_are_red_and_the_contract_s_texts_are_not_coloured(chat, server):
    server.enqueue(Status(500), Say("Hi"))
    session = chat()
    session.type("one\n")
    session.wait_for(at_prompt(2))
    session.type("two\n")
    session.wait_for(at_prompt(3))
    assert b"\x1b[31m\xe2\x9d\x8c Model Error:" in session.raw
    assert b"Assistant: Hi" in session.raw
    plain = re.sub(rb"\x1b\[\?2004[hl]", b"", session.raw)
    banner, _, rest = plain[plain.index("🤖".encode()) :].partition(b"\x1b")
    assert banner.decode() == BANNER.partition("(host")[0].replace("\n", "\r\n")
    # The line below it is dim, and what is typed has its colour.
    assert re.match(rb"\[2m\(host [0-9.:]+, backend url\)\x1b\[0m\r\n\r\n\x1b\[1m\x1b\[35m> one", rest)


def test_reasoning_and_hints_are_dim(chat, server):
    server.enqueue(Say("yes", reasoning="hm"))
    session = chat()
    session.type("Hi\n")
    session.wait_for(at_prompt(2))
    session.press("ctrl-c")
    session.wait_for("exits)\n\n>")
    assert b"\x1b[2mThinking: hm" in session.raw
    assert b"\x1b[2m(Ctrl-D or 'quit' exits)" in session.raw


def test_the_terminal_is_left_as_it_was(terminal, server):
    server.enqueue(Say("one"), Hang("two"))
    command = " ".join(kaito_command("chat", "--endpoint", server.url))
    session = terminal(["bash", "-c", f"stty -a; {command}; stty -a"])
    session.wait_for("\n>")
    session.type("a\n")
    session.wait_for("Assistant: one\n\n>")
    session.type("b\n")
    session.wait_for("Assistant: two")
    session.press("ctrl-c")
    session.wait_for("Assistant: two\n(stopped)\n\n>")
    session.press("ctrl-d")
    assert session.wait_exit() == 0
    before, after = session.transcript.split("speed ")[1:]
    assert before.split("🤖")[0].split() == after.split()
