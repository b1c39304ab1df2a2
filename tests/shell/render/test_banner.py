"""A continued conversation: what the banner shows, and what is saved."""

import json

import pytest

from kaito.chat.conversation import SavedConversation
from kaito.chat.saved import LastConversation
from kaito.errors import Interrupted
from kaito.types import Delta, Message
from tests.shell.harness import ShellHarness

TURN = (Message("user", "q"), Message("assistant", "a"))
#: The harness's workspace and model, and the banner that shows them without control sequences.
LABEL, MODEL = "w\x1b[2J", "m\x1b[2J"
BANNER, LAST = (
    "🤖 Connected to workspace: w (m)\n",
    "💬 Type your message (or 'quit' to exit):\n(host x, backend url)\n\n",
)


def run_and_quit(saved, system_prompt=None, **options):
    options = {"interactive": True, "resumed": saved, **options}
    return ShellHarness("quit", settings={"system_prompt": system_prompt}, **options).run()


@pytest.mark.parametrize(
    ("saved", "notice"),
    [
        (SavedConversation(), ""),
        (SavedConversation(messages=TURN), "(continuing 1 turn)\n"),
        (SavedConversation(messages=TURN * 2, workspace=LABEL, model=MODEL), "(continuing 2 turns)\n"),
        (
            SavedConversation(messages=TURN, workspace="other\x1b[2J", model="m2\n"),
            "(continuing 1 turn, which was with workspace other, model m2)\n",
        ),
        (
            SavedConversation(messages=TURN * 2, workspace="other", model=MODEL),
            "(continuing 2 turns, which were with workspace other)\n",
        ),
        (
            SavedConversation(messages=TURN * 2, workspace=LABEL, model="m2"),
            "(continuing 2 turns, which were with model m2)\n",
        ),
    ],
)
def test_the_banner_names_the_continued_conversation(saved, notice):
    out, err = run_and_quit(saved)
    assert err == f"{BANNER}{notice}{LAST}👋 Goodbye!\n"
    assert out == ""
    # A script has no banner.
    assert run_and_quit(saved, interactive=False) == ("", notice)


def test_the_banner_shows_the_system_prompt_of_the_continued_conversation():
    saved = SavedConversation(messages=(Message("system", "Be\x1b[2J brief"), *TURN))
    _, err = run_and_quit(saved)
    assert err.startswith(f"{BANNER}🎯 System prompt: Be brief\n(continuing 1 turn)\n{LAST}")
    _, err = run_and_quit(saved, system_prompt="Be long")
    assert err.startswith(f"{BANNER}🎯 System prompt: Be long\n(continuing 1 turn)\n{LAST}")


@pytest.fixture
def file(tmp_path):
    return tmp_path / "pts-1.json"


def saved_texts(file):
    return [message["content"] for message in json.loads(file.read_text())["messages"]]


def run(file, *lines, answers=(), resume=False, **options):
    last = LastConversation(file)
    resumed = last.load() if resume else None
    harness = ShellHarness(*lines, **{"interactive": True, "last": last, "resumed": resumed, **options})
    harness.server.answers = list(answers)
    return harness, harness.run()


def test_workspace_and_model_are_saved(file):
    run(file, "a")
    saved = json.loads(file.read_text())
    assert (saved["workspace"], saved["model"]) == (LABEL, MODEL)
    assert saved_texts(file) == ["Be\x1b[2J brief", "a", "a"]


@pytest.mark.parametrize(
    ("lines", "answers"),
    [(["b"], [Interrupted()]), (["/system x"], []), (["b", "/undo"], [Interrupted()]), (["quit"], [])],
)
def test_a_session_without_a_turn_does_not_change_the_file(file, lines, answers):
    run(file, "a")
    before = file.read_text()
    run(file, *lines, answers=answers)
    assert file.read_text() == before


def test_undoing_the_only_turn_deletes_the_file(file):
    run(file, "a", "/undo")
    assert not file.exists()
    run(file, "a")
    run(file, "/undo", resume=True)
    assert not file.exists()


def test_a_complete_answer_cannot_be_continued_in_a_later_run(file):
    run(file, "a")
    harness, (_, err) = run(file, "/continue", resume=True)
    assert "No answer was cut\n" in err
    assert harness.server.requests == []


def test_a_cut_answer_can_be_continued_in_a_later_run(file):
    run(file, "a", answers=[[Delta(content="one tw", finish_reason="length")]])
    harness, _ = run(file, "/continue", answers=["o"], resume=True)
    assert harness.texts == ["a", "one two"]
    harness, _ = run(file, "/continue", resume=True)
    assert harness.server.requests == []


def test_a_turn_that_cannot_be_saved_is_reported_once_and_later_turns_are_saved(file, monkeypatch):
    monkeypatch.setattr("kaito.chat.saved.LARGEST", 500)
    _, (_, err) = run(file, "a", "b", "c", "d", answers=["A", "B" * 500, "C" * 500, "D"])
    assert err.count("(the last turn is too long to be saved for --continue)\n") == 1
    assert saved_texts(file)[1:] == ["d", "D"]
