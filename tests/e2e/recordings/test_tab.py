"""What Tab does at a prompt."""

import pytest

from kaito.testing import replay
from tests.e2e.terminals.seen import BANNER


def test_tab_completes(chat, server, tmp_path):
    server.adapters = ["my-adapter"]
    (tmp_path / "my notes.txt").write_text("noted")
    replay(
        chat(cwd=tmp_path),
        """
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):

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
        Assistant: noted

        > «a message»‹tab›« of words»‹enter›
        Assistant: a message of words

        > «/s»‹tab›‹tab›
        /save     /set      /status   /system
        > /s«et se»‹tab›
        ↺> /set seed «5»‹enter›
        seed: 5

        > «quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
    )


@pytest.mark.parametrize(
    ("typed", "shown"),
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
def test_tab(chat, server, tmp_path, typed, shown):
    server.adapters = ["my-adapter", "evil\x1b[2Jadapter"]
    for name in ("my notes.txt", "it's.txt", ".hidden"):
        (tmp_path / name).touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "talk.json").touch()
    replay(chat(cwd=tmp_path), f"{BANNER}> «{typed}»‹tab›\n↺> {shown}«!»")


def test_in_a_block_there_is_nothing_to_complete(chat):
    replay(chat(), f'{BANNER}> «"""»‹enter›\n... «/und»‹tab›«!»')
