"""A continued conversation: what the banner shows, and what is kept."""

import re

import pytest
from msgspec.structs import replace

from kaito.chat.conversation import SavedConversation
from kaito.chat.conversation_origin import fingerprint
from kaito.errors import Interrupted
from kaito.history.library import Library
from kaito.history.recorder import Recorder
from kaito.history.state_folder import Bounds
from kaito.shell.render.banner import resumed
from kaito.types import ConversationInfo, Delta, Message, Origin
from tests.shell.harness import ShellHarness

TURN = (Message("user", "q"), Message("assistant", "a"))
#: The harness's workspace and model, and the banner that shows them without control sequences.
LABEL, MODEL = "w\x1b[2J", "m\x1b[2J"
BANNER, LAST = (
    "🤖 Connected to workspace: w (m)\n",
    "💬 Type your message (or 'quit' to exit):\n(host x, backend url)\n\n",
)
#: With which server the harness is.
HERE = Origin(label=LABEL, server=fingerprint("http://x"), backend="url", model=MODEL)
ELSEWHERE = Origin(
    workspace="my\x1b[2J-llama", kind="workspace", namespace="team-a", context="pr\nod", server="1", model="m2"
)


def of(origin, turns=1, **more):
    """Return a conversation of the history."""
    info = ConversationInfo(
        id="7k3mq9xd", title="What\x1b[2J is it?", created=1, updated=1000, turns=turns, origin=origin
    )
    return SavedConversation(messages=TURN * turns, info=info, **more)


def run_and_quit(saved, system_prompt=None, **options):
    options = {"interactive": True, "resumed": saved, **options}
    return ShellHarness("quit", settings={"system_prompt": system_prompt}, **options).run()


@pytest.mark.parametrize(
    ("saved", "notice"),
    [
        (SavedConversation(), ""),
        (SavedConversation(messages=TURN), "(continuing 1 turn)\n"),
        (of(HERE, 2), "(continuing 2 turns of 7k3mq9xd, … ago: What is it?)\n"),
        (of(replace(HERE, model="m2\n")), "(continuing 1 turn of 7k3mq9xd, … ago, with model m2: What is it?)\n"),
        (of(replace(HERE, model=None), 2), "(continuing 2 turns of 7k3mq9xd, … ago: What is it?)\n"),
    ],
)
def test_the_banner_names_the_continued_conversation(saved, notice):
    out, err = run_and_quit(saved)
    assert without_age(err) == f"{BANNER}{notice}{LAST}👋 Goodbye!\n"
    assert out == ""
    # A script has no banner.
    out, err = run_and_quit(saved, interactive=False)
    assert (out, without_age(err)) == ("", notice)


def without_age(text):
    return re.sub(r"\d+[a-z]+(?= ago)", "…", text)


def remarks(saved):
    return resumed(ShellHarness(resumed=saved).session, now=4600)


def test_a_conversation_that_the_user_named_is_named_with_its_server():
    first = "(continuing 1 turn of 7k3mq9xd, 60m ago, with"
    assert remarks(of(HERE, named=True)) == [f"{first} w, model m: What is it?)"]
    assert remarks(of(ELSEWHERE, named=True)) == [
        f"{first} workspace my-llama (namespace team-a, context pr od), model m2: What is it?)",
        "(its text, which was with workspace my-llama (namespace team-a, context pr od), is sent to w from now on)",
    ]


def test_the_same_name_elsewhere_is_told_apart():
    other = replace(HERE, server="another", endpoint="http://other")
    assert remarks(of(other, named=True))[1] == "(its text, which was with w (http://other), is sent to w from now on)"


def test_the_banner_shows_the_system_prompt_of_the_continued_conversation():
    saved = SavedConversation(messages=(Message("system", "Be\x1b[2J brief"), *TURN))
    _, err = run_and_quit(saved)
    assert err.startswith(f"{BANNER}🎯 System prompt: Be brief\n(continuing 1 turn)\n{LAST}")
    _, err = run_and_quit(saved, system_prompt="Be long")
    assert err.startswith(f"{BANNER}🎯 System prompt: Be long\n(continuing 1 turn)\n{LAST}")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "kaito"


def run(folder, *lines, answers=(), resume=False, **options):
    resumed = Library(folder).newest(HERE) if resume else None
    recorder = Recorder(folder, Bounds(), "terminal")
    harness = ShellHarness(*lines, **{"interactive": True, "recorder": recorder, "resumed": resumed, **options})
    harness.server.answers = list(answers)
    output = harness.run()
    recorder.close()
    assert recorder.take_reports() == []
    return harness, output


def kept_texts(folder):
    library = Library(folder)
    return [[message.content for message in library.load(info.id).messages] for info in library.find()]


def test_the_server_and_the_model_are_kept(folder):
    run(folder, "a")
    [info] = Library(folder).find()
    assert info.origin == HERE
    assert kept_texts(folder) == [["Be\x1b[2J brief", "a", "a"]]


@pytest.mark.parametrize(
    ("lines", "answers"),
    [(["b"], [Interrupted()]), (["/system x"], []), (["b", "/undo"], [Interrupted()]), (["quit"], [])],
)
def test_a_session_without_a_turn_keeps_nothing(folder, lines, answers):
    run(folder, "a")
    before = kept_texts(folder)
    run(folder, *lines, answers=answers)
    assert kept_texts(folder) == before


def test_undoing_the_only_turn_removes_the_conversation(folder):
    run(folder, "a", "/undo")
    assert kept_texts(folder) == []
    run(folder, "a")
    run(folder, "/undo", resume=True)
    assert kept_texts(folder) == []


def test_a_complete_answer_cannot_be_continued_in_a_later_run(folder):
    run(folder, "a")
    harness, (_, err) = run(folder, "/continue", resume=True)
    assert "No answer was cut\n" in err
    assert harness.server.requests == []


def test_a_cut_answer_can_be_continued_in_a_later_run(folder):
    run(folder, "a", answers=[[Delta(content="one tw", finish_reason="length")]])
    harness, _ = run(folder, "/continue", answers=["o"], resume=True)
    assert harness.texts == ["a", "one two"]
    harness, _ = run(folder, "/continue", resume=True)
    assert harness.server.requests == []
    assert kept_texts(folder)[0][1:] == ["a", "one two"]


def test_a_history_that_cannot_be_used_is_reported_once(folder):
    folder.write_text("a file")
    recorder = Recorder(folder, Bounds(), "terminal")
    harness = ShellHarness("a", "b", interactive=True, recorder=recorder)
    _, err = harness.run()
    recorder.close()
    assert err.count(f"(cannot keep conversations in {folder}/history.db: Not a directory") == 1
    assert harness.texts == ["a", "a", "b", "b"]
