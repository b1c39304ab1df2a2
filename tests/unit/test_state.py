"""What is kept of a conversation between runs."""

import os
import stat

import pytest

from kaito import state
from kaito.conversation import Conversation
from kaito.errors import KaitoError, NotFoundError, UsageError
from kaito.state import LastConversation, history_file, last_conversation, state_folder, to_continue
from kaito.terminal import Terminal
from kaito.types import ChatRequest, Message

TALK = [Message("system", "Be brief"), Message("user", "Hi"), Message("assistant", "Hello 🤖")]


@pytest.fixture
def kept(tmp_path):
    return LastConversation(tmp_path / "state" / "conversations" / "pts-1.json")


def test_what_is_saved_is_loaded(kept, tmp_path):
    kept.save(TALK)
    assert kept.load() == TALK
    file = tmp_path / "state" / "conversations" / "pts-1.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert os.listdir(file.parent) == ["pts-1.json"]
    kept.forget()
    kept.forget()
    with pytest.raises(NotFoundError):
        kept.load()


def test_it_is_bounded_and_keeps_the_system_prompt_and_whole_turns(kept, monkeypatch):
    monkeypatch.setattr(state, "LARGEST", 2000)
    turns = [Message(role, f"{number} " + "x" * 50) for number in range(50) for role in ("user", "assistant")]
    kept.save([TALK[0], *turns])
    loaded = kept.load()
    assert loaded[0] == TALK[0]
    assert loaded[1:] == turns[-len(loaded) + 1 :]
    assert loaded[1].role == "user"
    assert 4 < len(loaded) < 40


def test_a_damaged_file(kept, tmp_path):
    kept.save(TALK)
    (tmp_path / "state" / "conversations" / "pts-1.json").write_text("{")
    with pytest.raises(KaitoError, match="is damaged"):
        kept.load()


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    kept = LastConversation(tmp_path / "file" / "x" / "y.json")
    with pytest.raises(KaitoError, match="Cannot keep the conversation"):
        kept.save(TALK)
    with pytest.raises(KaitoError, match="Cannot read"):
        kept.load()


def test_without_a_terminal_nothing_is_kept(tmp_path):
    nowhere = Terminal(None, None, None, {})
    assert last_conversation(nowhere, tmp_path) is None
    with pytest.raises(UsageError, match="--continue: needs a terminal"):
        to_continue(None)


@pytest.mark.parametrize(
    ("wish", "kept", "warned"),
    [
        (None, True, False),
        ("", True, False),
        ("on", True, False),
        ("YES", True, False),
        ("off", False, False),
        ("OFF ", False, False),
        ("0", False, False),
        ("False", False, False),
        ("no", False, False),
        ("/my/history", True, True),
    ],
)
def test_the_environment_says_whether_anything_is_kept(tmp_path, wish, kept, warned):
    environ = {"XDG_STATE_HOME": str(tmp_path), **({} if wish is None else {"KAITO_HISTORY": wish})}
    told = []
    folder = state_folder(environ, told.append)
    assert folder == (tmp_path / "kaito" if kept else None)
    assert told == (["KAITO_HISTORY: '/my/history' is not on or off; what is typed and said is kept"] if warned else [])
    assert history_file(folder) == (tmp_path / "kaito" / "history" if kept else None)


def test_a_user_without_a_home_keeps_nothing(monkeypatch):
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", lambda number: {}[number])
    folder = state_folder({"XDG_STATE_HOME": "relative"}, pytest.fail)
    assert folder is None
    assert last_conversation(Terminal(None, None, None, {}), folder) is None
    assert history_file(folder) is None


@pytest.mark.parametrize(
    ("given", "messages", "resumed"),
    [
        (None, TALK, ["Be brief", "Hi", "Hello 🤖"]),
        ("Be loud", TALK, ["Be loud", "Hi", "Hello 🤖"]),
        (None, TALK[1:2], []),
        (None, [], []),
        (None, [TALK[2], TALK[1]], []),
    ],
)
def test_a_conversation_goes_on(given, messages, resumed):
    talk = Conversation(ChatRequest(messages=()), given)
    talk.resume(messages)
    assert [message.content for message in talk.messages] == resumed
