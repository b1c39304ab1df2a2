"""A conversation that goes on: what is said of it, and what is kept of it."""

import json

import pytest

from kaito.chat.conversation import SavedConversation
from kaito.chat.saved import LastConversation
from kaito.errors import Interrupted
from kaito.types import Delta, Message
from tests.shell.bench import Bench

TURN = (Message("user", "q"), Message("assistant", "a"))
#: The bench's own, and what is shown of them.
LABEL, MODEL = "w\x1b[2J", "m\x1b[2J"
BANNER, LAST = "🤖 Connected to workspace: w (m)\n", "💬 Type your message (or 'quit' to exit):\n\n"


def shown(past, system_prompt=None, **options):
    options = {"interactive": True, "resumed": past, **options}
    return Bench("quit", settings={"system_prompt": system_prompt}, **options).run()


@pytest.mark.parametrize(
    ("past", "told"),
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
def test_what_goes_on_is_told(past, told):
    out, err = shown(past)
    assert err == f"{BANNER}{told}{LAST}👋 Goodbye!\n"
    assert out == ""
    # Also where there is no banner.
    assert shown(past, interactive=False) == ("", told)


def test_the_system_prompt_of_what_goes_on_is_shown():
    past = SavedConversation(messages=(Message("system", "Be\x1b[2J brief"), *TURN))
    _, err = shown(past)
    assert err.startswith(f"{BANNER}🎯 System prompt: Be brief\n(continuing 1 turn)\n{LAST}")
    _, err = shown(past, system_prompt="Be long")
    assert err.startswith(f"{BANNER}🎯 System prompt: Be long\n(continuing 1 turn)\n{LAST}")


@pytest.fixture
def file(tmp_path):
    return tmp_path / "pts-1.json"


def kept(file):
    found = json.loads(file.read_text())
    return [message["content"] for message in found["messages"]]


def run(file, *lines, answers=(), resume=False, **options):
    last = LastConversation(file)
    resumed = last.load() if resume else None
    bench = Bench(*lines, **{"interactive": True, "last": last, "resumed": resumed, **options})
    bench.server.answers = list(answers)
    return bench, bench.run()


def test_with_whom_it_was_is_kept(file):
    run(file, "a")
    found = json.loads(file.read_text())
    assert (found["workspace"], found["model"]) == (LABEL, MODEL)
    assert kept(file) == ["Be\x1b[2J brief", "a", "a"]


@pytest.mark.parametrize(
    ("lines", "answers"),
    [(["b"], [Interrupted()]), (["/system x"], []), (["b", "/undo"], [Interrupted()]), (["quit"], [])],
)
def test_a_session_without_a_turn_keeps_what_was_kept(file, lines, answers):
    run(file, "a")
    before = file.read_text()
    run(file, *lines, answers=answers)
    assert file.read_text() == before


def test_what_was_taken_back_is_not_kept(file):
    run(file, "a", "/undo")
    assert not file.exists()
    run(file, "a")
    run(file, "/undo", resume=True)
    assert not file.exists()


def test_a_complete_answer_does_not_go_on_later(file):
    run(file, "a")
    bench, (_, err) = run(file, "/continue", resume=True)
    assert "No answer was cut\n" in err
    assert bench.server.requests == []


def test_an_answer_that_was_cut_goes_on_later(file):
    run(file, "a", answers=[[Delta(content="one tw", finish_reason="length")]])
    bench, _ = run(file, "/continue", answers=["o"], resume=True)
    assert bench.said == ["a", "one two"]
    bench, _ = run(file, "/continue", resume=True)
    assert bench.server.requests == []


def test_what_cannot_be_kept_is_told_once_and_tried_again(file, monkeypatch):
    monkeypatch.setattr("kaito.chat.saved.LARGEST", 500)
    _, (_, err) = run(file, "a", "b", "c", "d", answers=["A", "B" * 500, "C" * 500, "D"])
    assert err.count("(the last turn is too long to be saved for --continue)\n") == 1
    assert kept(file)[1:] == ["d", "D"]
