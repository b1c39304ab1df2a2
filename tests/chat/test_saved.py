"""Conversations that are saved between runs."""

import os
import stat
import sys

import pytest

from kaito.chat import saved
from kaito.chat.conversation import Conversation, SavedConversation
from kaito.chat.saved import LastConversation, history_file, last_conversation, state_folder, to_continue
from kaito.console.terminal import Terminal
from kaito.errors import KaitoError, NotFoundError, UsageError
from kaito.types import Image, Message, ToolCall
from tests.images import png

SYSTEM, QUESTION, ANSWER = Message("system", "Be brief"), Message("user", "Hi"), Message("assistant", "Hello 🤖")
SAVED = SavedConversation(messages=(SYSTEM, QUESTION, ANSWER), cut=True, workspace="my-llama", model="m")


@pytest.fixture
def file(tmp_path):
    return tmp_path / "state" / "conversations" / "pts-1.json"


@pytest.fixture
def last(file):
    return LastConversation(file)


def streams_of(terminal):
    return terminal.stdin, terminal.stderr, terminal.stdout


def write_file(file, content):
    file.parent.mkdir(parents=True)
    file.write_text(content)


def test_save_load_and_delete(last, file):
    last.save(SAVED)
    assert last.load() == SAVED
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert os.listdir(file.parent) == ["pts-1.json"]
    last.delete()
    last.delete()
    with pytest.raises(NotFoundError):
        last.load()


@pytest.mark.parametrize("part", ["state", "state/conversations", "state/conversations/pts-1.json"])
@pytest.mark.parametrize("mode", [0o020, 0o002])
def test_what_others_can_write_is_refused_by_name(last, file, tmp_path, part, mode):
    last.save(SAVED)
    before = file.read_bytes()
    path = tmp_path / part
    path.chmod(path.stat().st_mode | mode)
    with pytest.raises(KaitoError, match=f"{path} can be written by other users; 'chmod go-w' changes that"):
        last.save(SAVED)
    with pytest.raises(KaitoError, match=f"{path} can be written by other users"):
        last.load()
    assert file.read_bytes() == before


@pytest.mark.parametrize("part", ["state/conversations", "state/conversations/pts-1.json"])
def test_symbolic_links_are_not_followed_for_writing(last, file, tmp_path, part):
    last.save(SAVED)
    path = tmp_path / part
    path.rename(tmp_path / "theirs")
    path.symlink_to(tmp_path / "theirs")
    before = file.read_bytes()
    with pytest.raises(KaitoError, match=f"{path} is a symbolic link"):
        last.save(SavedConversation(messages=(QUESTION, ANSWER)))
    assert file.read_bytes() == before


def test_the_state_folder_itself_may_be_a_link(tmp_path):
    (tmp_path / "real").mkdir(0o700)
    (tmp_path / "state").symlink_to(tmp_path / "real")
    LastConversation(tmp_path / "state" / "conversations" / "pts-1.json").save(SAVED)
    assert (tmp_path / "real" / "conversations" / "pts-1.json").is_file()


def test_load_reads_the_format_of_earlier_versions(last, file):
    write_file(file, '[{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello 🤖"}]')
    assert last.load() == SavedConversation(messages=(QUESTION, ANSWER))


def test_load_ignores_fields_of_later_versions(last, file):
    write_file(file, '{"messages":[{"role":"user","content":"Hi","x":1},{"role":"assistant","content":"a"}],"new":[]}')
    assert last.load().turns == (QUESTION, Message("assistant", "a"))


@pytest.mark.parametrize("content", ["[]", "{}", '[{"role":"system","content":"x"}]'])
def test_load_needs_a_complete_turn(last, file, content):
    write_file(file, content)
    with pytest.raises(NotFoundError):
        last.load()


def test_an_empty_conversation_does_not_replace_another(last, file):
    last.save(SAVED)
    another = LastConversation(file)
    for empty in (SavedConversation(), SavedConversation(messages=(SYSTEM,))):
        another.save(empty)
        assert last.load() == SAVED


@pytest.mark.parametrize("use", [lambda last: last.load(), lambda last: last.save(SAVED)], ids=["load", "save"])
def test_an_empty_conversation_deletes_its_own_file(last, file, use):
    LastConversation(file).save(SAVED)
    use(last)
    last.save(SavedConversation(messages=(SYSTEM,)))
    assert not file.exists()


def test_the_size_limit_keeps_the_system_prompt_and_complete_turns(last, monkeypatch):
    monkeypatch.setattr(saved, "LARGEST", 2000)
    turns = tuple(Message(role, f"{number} " + "x" * 50) for number in range(50) for role in ("user", "assistant"))
    last.save(SavedConversation(messages=(SYSTEM, *turns), model="m"))
    loaded = last.load()
    assert loaded.system == (SYSTEM,)
    assert loaded.turns == turns[-len(loaded.turns) :]
    assert loaded.turns[0].role == "user"
    assert 4 < len(loaded.turns) < 40
    assert loaded.model == "m"


def test_a_turn_over_the_size_limit_is_not_saved(last, monkeypatch, file):
    last.save(SAVED)
    monkeypatch.setattr(saved, "LARGEST", 2000)
    long_turn = (QUESTION, Message("assistant", "x" * 2000))
    with pytest.raises(KaitoError, match="too long to be saved"):
        last.save(SavedConversation(messages=SAVED.messages + long_turn))
    assert last.load() == SAVED
    last.save(SavedConversation(messages=SAVED.messages + long_turn + SAVED.turns))
    assert last.load() == SavedConversation(messages=SAVED.messages)
    assert file.stat().st_size < 2000


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[1]",
        "\ud800",
        "[" * 100_000,
        '{"messages":' + "[" * 100_000,
        '{"messages":[],"z":' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"messages":[{"role":"user","content":"\\ud83d"}]}',
        '{"messages":[{"role":5,"content":""}]}',
        '{"cut":' + "9" * 5000 + "}",
    ],
    ids=range(9),
)
def test_a_damaged_file_is_reported_by_name(last, file, content):
    file.parent.mkdir(parents=True)
    file.write_bytes(content.encode("utf-8", "surrogatepass"))
    with pytest.raises(KaitoError, match=r"is damaged|is not UTF-8|no conversation") as caught:
        last.load()
    assert str(file) in caught.value.message or caught.value.exit_code == 3


@pytest.mark.skipif(sys.platform == "win32", reason="no FIFOs")
def test_load_does_not_wait_for_a_pipe(last, file):
    file.parent.mkdir(parents=True)
    os.mkfifo(file)
    with pytest.raises(KaitoError, match="not a regular file"):
        last.load()


def test_a_folder_that_cannot_be_created_is_reported(tmp_path):
    (tmp_path / "file").touch()
    last = LastConversation(tmp_path / "file" / "x" / "y.json")
    with pytest.raises(KaitoError, match="Cannot save the conversation"):
        last.save(SAVED)
    with pytest.raises(KaitoError, match="Cannot read"):
        last.load()


def test_continue_needs_a_terminal(tmp_path):
    no_terminal = Terminal(None, None, None, {})
    assert last_conversation(tmp_path, streams_of(no_terminal)) is None
    with pytest.raises(UsageError, match="--continue: needs a terminal"):
        to_continue(None)


@pytest.mark.parametrize(
    ("value", "saves", "warns"),
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
def test_kaito_history_turns_saving_on_or_off(tmp_path, value, saves, warns):
    environ = {"XDG_STATE_HOME": str(tmp_path), **({} if value is None else {"KAITO_HISTORY": value})}
    warnings = []
    folder = state_folder(environ, warnings.append)
    assert folder == (tmp_path / "kaito" if saves else None)
    assert warnings == (
        ["KAITO_HISTORY: '/my/history' is not on or off; input and conversations are saved"] if warns else []
    )
    assert history_file(folder) == (tmp_path / "kaito" / "history" if saves else None)


def test_nothing_is_saved_without_a_home_folder(monkeypatch):
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", lambda number: {}[number])
    folder = state_folder({"XDG_STATE_HOME": "relative"}, pytest.fail)
    assert folder is None
    assert last_conversation(folder, streams_of(Terminal(None, None, None, {}))) is None
    assert history_file(folder) is None


@pytest.mark.parametrize(
    ("system_prompt", "messages", "texts"),
    [
        (None, SAVED.messages, ["Be brief", "Hi", "Hello 🤖"]),
        ("Be loud", SAVED.messages, ["Be loud", "Hi", "Hello 🤖"]),
        (None, (QUESTION,), []),
        (None, (), []),
        (None, (ANSWER, QUESTION), []),
    ],
)
def test_a_conversation_starts_with_the_saved_messages(system_prompt, messages, texts):
    conversation = Conversation(system_prompt, SavedConversation(messages=messages))
    assert [message.content for message in conversation.messages] == texts


def test_images_and_calls_are_kept(last):
    image = Image.read(png(640, 480) + bytes(2 * saved.LARGEST), "a.png")
    messages = (
        Message("user", "q", images=(image,)),
        Message("assistant", "", tool_calls=(ToolCall("1", "f", "{}"),)),
    )
    last.save(SavedConversation(messages=messages))
    assert last.load() == SavedConversation(messages=messages)


def test_whole_turns_are_left_out_of_a_conversation_that_is_too_long(last, monkeypatch):
    monkeypatch.setattr(saved, "LARGEST", 2000)
    calls = Message("assistant", "", tool_calls=(ToolCall("1", "f", "x" * 300),))
    turn = (QUESTION, calls, Message("tool", "result", tool_call_id="1"), ANSWER)
    last.save(SavedConversation(messages=(SYSTEM, *turn * 9)))
    kept = last.load()
    assert kept.messages == (SYSTEM, *turn * (len(kept.turns) // 4))
    assert 0 < len(kept.turns) < 36
