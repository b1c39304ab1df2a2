"""Completion with Tab at a prompt."""

import pytest

from kaito.testing import replay
from tests.e2e.terminals.seen import BANNER


def test_completion_in_a_session(chat, server, tmp_path):
    server.adapters = ["my-adapter"]
    (tmp_path / "my notes.txt").write_text("noted")
    replay(
        chat(cwd=tmp_path),
        """
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «/und»‹tab›
        ↺> /undo‹ctrl-u›
        ↺> «/set temp»‹tab›
        ↺> /set temperature «0.2»‹enter›
        temperature: 0.2

        > «/set format j»‹tab›
        ↺> /set format json‹ctrl-u›
        ↺> «/model my»‹tab›
        ↺> /model my-adapter‹enter›
        Model: my-adapter

        > «/read my»‹tab›
        ↺> /read my\\ notes.txt‹enter›
        (sending my notes.txt: 1 line, 5 bytes)
        Assistant: noted

        > «a message»‹tab›« of words»‹enter›
        Assistant: a message of words

        > «/s»‹tab›‹tab›
        /save       /sessions   /set        /status     /system
        > /s«et se»‹tab›
        ↺> /set seed «5»‹enter›
        seed: 5

        > «quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
    )


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("/sy", "/system "),
        ("/SY", "/system "),
        ("/set max", "/set max-tokens "),
        ("/model evil", "/model evil"),
        ("/format pl", "/format plain"),
        ("/read my n", "/read my n"),
        ('/read "my n', '/read "my notes.txt"'),
        ("/load my n", "/load my notes.txt"),
        ("/save fol", "/save folder/"),
        ("/load folder/", "/load folder/talk.json"),
        ("/load it", "/load it\\'s.txt"),
        ("/load .h", "/load .hidden"),
        ("read my", "read my"),
        ("/etc/ho", "/etc/ho"),
        ("//se", "//se"),
    ],
)
def test_completion(chat, server, tmp_path, typed, completed):
    server.adapters = ["my-adapter", "evil\x1b[2Jadapter"]
    for name in ("my notes.txt", "it's.txt", ".hidden"):
        (tmp_path / name).touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "talk.json").touch()
    replay(chat(cwd=tmp_path), f"{BANNER}> «{typed}»‹tab›\n↺> {completed}«!»")


def test_no_completion_in_a_block(chat):
    replay(chat(), f'{BANNER}> «"""»‹enter›\n... «/und»‹tab›«!»')
