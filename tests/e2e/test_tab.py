"""What Tab does at a prompt."""

import pytest

from tests.e2e.seen import screen


@pytest.fixture
def session(chat, server, tmp_path):
    server.adapters = ["my-adapter", "evil\x1b[2Jadapter"]
    (tmp_path / "my notes.txt").write_text("noted")
    (tmp_path / "it's.txt").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "talk.json").touch()
    (tmp_path / ".hidden").touch()
    return chat(cwd=tmp_path)


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("/und", "/undo"),
        ("/sy", "/system "),
        ("/SY", "/system "),
        ("/set max", "/set max-tokens "),
        ("/set temp", "/set temperature "),
        ("/set format j", "/set format json"),
        ("/model my", "/model my-adapter"),
        ("/model evil", "/model evil"),
        ("/format pl", "/format plain"),
        ("/read my", "/read my\\ notes.txt"),
        ("/read my n", "/read my n"),
        ('/read "my n', '/read "my notes.txt"'),
        ("/load my n", "/load my notes.txt"),
        ("/save fol", "/save folder/"),
        ("/load folder/", "/load folder/talk.json"),
        ("/load it", "/load it\\'s.txt"),
        ("/load .h", "/load .hidden"),
        ("hello", "hello"),
        ("read my", "read my"),
        ("/etc/ho", "/etc/ho"),
        ("//se", "//se"),
    ],
)
def test_tab(session, typed, shown):
    session.type(f"{typed}\t!")
    session.wait_for(f"> {shown}!".rstrip())
    assert screen(session).endswith(f"> {shown}!")


def test_several_matches_are_listed(session):
    session.type("/s\t\t")
    session.wait_for("/status")
    session.wait_for(lambda session: screen(session).endswith("> /s"))
    assert "/set" in screen(session)


def test_in_a_block_there_is_nothing_to_complete(session):
    session.type('"""\n/und\t!')
    session.wait_for("... /und!")


def test_a_name_that_tab_wrote_is_read(session, server):
    session.type("/read my\t\n")
    session.wait_for("Assistant: noted")
    assert server.chats[0].last_message == "noted"
