"""What is kept of a conversation between runs."""

import os
import stat
import sys

import pytest

from kaito.chat import saved
from kaito.chat.conversation import Conversation, SavedConversation
from kaito.chat.saved import LastConversation, history_file, last_conversation, state_folder, to_continue
from kaito.console.terminal import Terminal
from kaito.errors import KaitoError, NotFoundError, UsageError
from kaito.types import Message

SYSTEM, QUESTION, ANSWER = Message("system", "Be brief"), Message("user", "Hi"), Message("assistant", "Hello 🤖")
TALK = SavedConversation(messages=(SYSTEM, QUESTION, ANSWER), cut=True, workspace="my-llama", model="m")


@pytest.fixture
def file(tmp_path):
    return tmp_path / "state" / "conversations" / "pts-1.json"


@pytest.fixture
def kept(file):
    return LastConversation(file)


def streams_of(terminal):
    return terminal.stdin, terminal.stderr, terminal.stdout


def written(file, content):
    file.parent.mkdir(parents=True)
    file.write_text(content)


def test_what_is_saved_is_loaded(kept, file):
    kept.save(TALK)
    assert kept.load() == TALK
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert os.listdir(file.parent) == ["pts-1.json"]
    kept.delete()
    kept.delete()
    with pytest.raises(NotFoundError):
        kept.load()


def test_what_earlier_versions_kept_is_loaded(kept, file):
    written(file, '[{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello 🤖"}]')
    assert kept.load() == SavedConversation(messages=(QUESTION, ANSWER))


def test_what_later_versions_keep_besides_is_left_out(kept, file):
    written(file, '{"messages":[{"role":"user","content":"Hi","x":1},{"role":"assistant","content":"a"}],"new":[]}')
    assert kept.load().turns == (QUESTION, Message("assistant", "a"))


@pytest.mark.parametrize("content", ["[]", "{}", '[{"role":"system","content":"x"}]'])
def test_without_a_turn_there_is_nothing_to_continue(kept, file, content):
    written(file, content)
    with pytest.raises(NotFoundError):
        kept.load()


def test_nothing_takes_no_other_conversation_s_place(kept, file):
    kept.save(TALK)
    another = LastConversation(file)
    for nothing in (SavedConversation(), SavedConversation(messages=(SYSTEM,))):
        another.save(nothing)
        assert kept.load() == TALK


@pytest.mark.parametrize("made_ours", [lambda kept: kept.load(), lambda kept: kept.save(TALK)])
def test_what_was_taken_back_is_forgotten(kept, file, made_ours):
    LastConversation(file).save(TALK)
    made_ours(kept)
    kept.save(SavedConversation(messages=(SYSTEM,)))
    assert not file.exists()


def test_it_is_bounded_and_keeps_the_system_prompt_and_whole_turns(kept, monkeypatch):
    monkeypatch.setattr(saved, "LARGEST", 2000)
    turns = tuple(Message(role, f"{number} " + "x" * 50) for number in range(50) for role in ("user", "assistant"))
    kept.save(SavedConversation(messages=(SYSTEM, *turns), model="m"))
    loaded = kept.load()
    assert loaded.system == (SYSTEM,)
    assert loaded.turns == turns[-len(loaded.turns) :]
    assert loaded.turns[0].role == "user"
    assert 4 < len(loaded.turns) < 40
    assert loaded.model == "m"


def test_a_turn_that_is_too_long_leaves_what_was_kept(kept, monkeypatch, file):
    kept.save(TALK)
    monkeypatch.setattr(saved, "LARGEST", 2000)
    long = (QUESTION, Message("assistant", "x" * 2000))
    with pytest.raises(KaitoError, match="too long to be saved"):
        kept.save(SavedConversation(messages=TALK.messages + long))
    assert kept.load() == TALK
    kept.save(SavedConversation(messages=TALK.messages + long + TALK.turns))
    assert kept.load() == SavedConversation(messages=TALK.messages)
    assert file.stat().st_size < 2000


@pytest.mark.parametrize("content", ["{", "[1]", "\ud800"])
def test_a_damaged_file(kept, file, content):
    file.parent.mkdir(parents=True)
    file.write_bytes(content.encode("utf-8", "surrogatepass"))
    with pytest.raises(KaitoError, match=r"is damaged|is not UTF-8"):
        kept.load()


@pytest.mark.skipif(sys.platform == "win32", reason="no FIFOs")
def test_a_pipe_in_its_place_is_not_waited_for(kept, file):
    file.parent.mkdir(parents=True)
    os.mkfifo(file)
    with pytest.raises(KaitoError, match="not a regular file"):
        kept.load()


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    kept = LastConversation(tmp_path / "file" / "x" / "y.json")
    with pytest.raises(KaitoError, match="Cannot save the conversation"):
        kept.save(TALK)
    with pytest.raises(KaitoError, match="Cannot read"):
        kept.load()


def test_without_a_terminal_nothing_is_kept(tmp_path):
    nowhere = Terminal(None, None, None, {})
    assert last_conversation(tmp_path, streams_of(nowhere)) is None
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
    assert told == (
        ["KAITO_HISTORY: '/my/history' is not on or off; input and conversations are saved"] if warned else []
    )
    assert history_file(folder) == (tmp_path / "kaito" / "history" if kept else None)


def test_a_user_without_a_home_keeps_nothing(monkeypatch):
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", lambda number: {}[number])
    folder = state_folder({"XDG_STATE_HOME": "relative"}, pytest.fail)
    assert folder is None
    assert last_conversation(folder, streams_of(Terminal(None, None, None, {}))) is None
    assert history_file(folder) is None


@pytest.mark.parametrize(
    ("given", "messages", "resumed"),
    [
        (None, TALK.messages, ["Be brief", "Hi", "Hello 🤖"]),
        ("Be loud", TALK.messages, ["Be loud", "Hi", "Hello 🤖"]),
        (None, (QUESTION,), []),
        (None, (), []),
        (None, (ANSWER, QUESTION), []),
    ],
)
def test_a_conversation_goes_on(given, messages, resumed):
    talk = Conversation(given, SavedConversation(messages=messages))
    assert [message.content for message in talk.messages] == resumed
