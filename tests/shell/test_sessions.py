"""Commands for past conversations, and the parts of the others that touch them."""

import json
import os
import re
from typing import Any

import pytest

from kaito import hookimpl
from kaito.console.columns import Page, TextTable
from kaito.errors import ExitCode, KaitoError
from kaito.history.library import Library
from kaito.history.recorder import Recorder
from kaito.history.state_folder import Bounds
from kaito.shell.render.conversation_table import conversation_table
from kaito.types import Message, SlashCommand
from tests.history.talks import kept
from tests.shell.harness import ShellHarness


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "kaito"


@pytest.fixture
def run(folder):
    """Return a function that runs lines in a shell that keeps its conversation."""

    def run(*lines, **options):
        recorder = Recorder(folder, Bounds(age=None), "terminal")
        options = {"keep_going": True, "interactive": False, "settings": {"system_prompt": None}, **options}
        harness = ShellHarness(*lines, recorder=recorder, **options)
        out, err = harness.run()
        recorder.close()
        assert recorder.take_reports() == []
        return harness, out, err

    return run


def titles(folder):
    return [info.title for info in Library(folder).find()]


def test_sessions_lists_and_searches(folder, run):
    kept(folder, "apple\x1b[2J pie")
    kept(folder, "pear tart")
    _, out, err = run("/sessions", "/sessions APPLE", "/sessions nothing\x1b[2J")
    assert [re.split(" {2,}", line)[3:] for line in out.splitlines()] == [
        ["TITLE"],
        ["pear tart"],
        ["apple pie"],
        ["TITLE", "EXCERPT"],
        # Where the word stands, as 'kaito history' shows it.
        ["apple pie", "apple pie answer to apple pie"],
    ]
    assert "\x1b" not in out
    assert err == "No conversation has 'nothing'\n"


def test_a_narrow_window_shows_one_line_for_each_conversation(folder):
    for text in ("What is a Pod and how does it differ from a container?", "Naïve café"):
        kept(folder, text)
    found = Library(folder).find()
    columns, rows = conversation_table(found, brief=True)
    table = TextTable(columns, Page(window=lambda: 40), keeps_all=True).add(rows)
    assert [line.split()[0] for line in table.splitlines()] == ["ID", *(info.id for info in found)]
    assert "TITLE" in table
    assert "WITH" not in table


def test_sessions_knows_the_present_conversation(folder, run):
    _, out, err = run("/sessions", "hello", "/sessions")
    assert err == "There is no conversation yet\n"
    assert "hello" in out.splitlines()[-1]


def test_resume_continues_another_conversation(folder, run):
    other = kept(folder, "one", "two")
    harness, _, err = run("mine", f"/resume {other[:5].upper()}", "three")
    assert "(continuing 2 turns of " in err
    assert (
        "(its text, which was with workspace my-llama (namespace team-a, context prod), is sent to w from now on)"
        in err
    )
    assert [message.content for message in harness.server.requests[-1].messages] == [
        "one", "answer to one", "two", "answer to two", "three",
    ]  # fmt: skip
    assert sorted(titles(folder)) == ["mine", "one"]
    assert Library(folder).info(other).turns == 3


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("/resume", "/resume: needs the ID of a conversation"),
        ("/resume zzzz", "There is no conversation 'zzzz'"),
        ("/branch", "There is no turn yet: nothing to branch from"),
        ("/export x.md", "There is nothing to export"),
        ("/save x.html", "There is nothing to export"),
        ("/export", "/export: needs a file name"),
        ("/export x.txt", "/export: 'x.txt' does not end with .md or .html"),
        ("/export x.json", "/export: 'x.json' does not end with .md or .html"),
    ],
)
def test_errors(run, line, message):
    harness, _, err = run(line)
    assert message in err
    assert harness.shell.exit_code is not ExitCode.OK


@pytest.mark.parametrize(
    ("interactive", "hint"), [(True, "/sessions lists them"), (False, "'kaito history' lists them")]
)
@pytest.mark.parametrize("line", ["/resume", "/resume zzzz"])
def test_who_lacks_an_id_is_told_where_they_are(folder, run, line, interactive, hint):
    kept(folder, "a")
    _, _, err = run(line, interactive=interactive)
    assert err.count(" lists them") == err.count(f"   {hint}\n") == 1


@pytest.mark.parametrize("line", ["/sessions", "/resume x", "/branch", "/title x"])
def test_nothing_is_listed_when_nothing_is_kept(line):
    _, err = ShellHarness("a", line).run()
    assert "Conversations are not kept: KAITO_HISTORY=off" in err


def test_the_title_of_a_conversation_that_is_not_kept():
    _, err = ShellHarness("/title", "a", "/title").run()
    assert err == "The conversation is empty; its first message will be its title\nTitle: a\n"


def test_the_title_follows_the_first_message(run):
    _, _, err = run("a", "/title", "/undo", "/title", "b", "/title", "/undo", "c", "/title")
    assert [line for line in err.splitlines() if not line.startswith("Removed: ")] == [
        "Title: a",
        "The conversation is empty; its first message will be its title",
        "Title: b",
        "Title: c",
    ]


def test_the_title_is_that_of_the_first_message_when_it_has_left_the_window(run):
    class Plugin:
        @hookimpl
        def kaito_slash_commands(self):
            return [SlashCommand(name="drop", run=drop, summary="Drop the oldest turn")]

    def drop(arguments, shell):
        shell._session.conversation.drop_oldest(1)

    _, _, err = run("a", "b", "/drop", "/title", plugins=[Plugin()])
    assert err == "Title: a\n"


def test_title_and_branch(folder, run):
    _, _, err = run("a", "/title", "/title My \x1b[2J plans", "/branch", "b", "/branch Other", "c", "/title")
    library = Library(folder)
    third, second, first = library.find()
    assert err == (
        f"Title: a\nTitle: My plans\nThis is now {second.id}, a branch of {first.id}: My plans (branch)\n"
        f"This is now {third.id}, a branch of {second.id}: Other\nTitle: Other\n"
    )
    assert [(one.title, one.turns, one.parent) for one in (first, second, third)] == [
        ("My \x1b[2J plans", 1, None),
        ("My \x1b[2J plans (branch)", 2, first.id),
        ("Other", 3, second.id),
    ]


def test_a_conversation_that_cannot_be_written_has_no_branch(folder):
    folder.mkdir(mode=0o700)
    (folder / "history.db").mkdir()
    recorder = Recorder(folder, Bounds(age=None), "terminal")
    harness = ShellHarness("a", "/branch", "/branch Other", recorder=recorder, keep_going=True)
    _, err = harness.run()
    recorder.close()
    assert err.count("is not a regular file") == 1
    assert err.count("Error: This conversation is not in the history: there is nothing to branch from\n") == 2
    assert "None" not in err


def test_a_branch_that_cannot_be_written_is_an_error(folder, monkeypatch):
    recorder = Recorder(folder, Bounds(age=None), "terminal")
    branch = recorder.branch

    def fail(*arguments):
        raise KaitoError("no room")

    def branched(title):
        monkeypatch.setattr("kaito.history.changes.write_changes", fail)
        branch(title)

    monkeypatch.setattr(recorder, "branch", branched)
    _, err = ShellHarness("a", "/branch", recorder=recorder).run()
    recorder.close()
    assert "Error: The branch is not in the history yet; it is tried again after the next turn\n" in err
    assert err.lower().count("no room") == 1
    assert "None" not in err


def test_history_shows_the_turns_with_these_words(run):
    _, out, err = run("apple pie", "pear", "/history APPLE", "/history apple pear", "/history")
    shown = "> apple pie\nAssistant: apple pie\n"
    assert out.endswith(f"{shown}{shown}\n> pear\nAssistant: pear\n")
    assert "No turn has 'apple pear'\n" in err


def test_clear_and_load_leave_the_earlier_conversation(folder, run, tmp_path):
    file = tmp_path / "talk.json"
    file.write_text(json.dumps([{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]))
    run("one", "clear", "two", f"/load {file}", "three")
    assert titles(folder) == ["q", "two", "one"]


def test_identifiers_are_completed(folder):
    ids = [kept(folder, "a"), kept(folder, "b")]
    recorder = Recorder(folder, Bounds(), "terminal")
    harness = ShellHarness(recorder=recorder)
    assert harness.complete("/resume ") == sorted(f"/resume {each}" for each in ids)
    assert harness.complete(f"/resume {ids[0][:7]}") == [f"/resume {ids[0]}"]
    recorder.close()
    assert ShellHarness().complete("/resume ") == []


def test_export_and_save_write_for_people(run, tmp_path):
    markdown, page = tmp_path / "a b.md", tmp_path / "b.HTML"
    harness, _, err = run("hi", f"/export {markdown}", "again", f"/save '{markdown}'", f"/save {page}")
    assert (
        err == f"Exported 2 messages to {markdown}\nExported 4 messages to {markdown}\nExported 4 messages to {page}\n"
    )
    assert markdown.read_text().startswith("# hi\n\n- With: w\n- Model: m\n- Date: ")
    assert markdown.read_text().count("## You") == 2
    assert page.read_text().startswith("<!DOCTYPE html>")
    assert {path.stat().st_mode & 0o777 for path in (markdown, page)} == {0o600}
    assert harness.shell.exit_code is ExitCode.OK


def test_an_export_replaces_only_its_own(run, tmp_path):
    file = tmp_path / "x.md"
    file.write_text("# Notes\n")
    _, _, err = run("a", f"/export {file}", f"/export --force {file}", "clear", "b", f"/export {file}")
    assert err.count(f"'{file}' exists and is not replaced: it is not an export of this conversation") == 2
    assert "   With --force, it is replaced\n" in err
    assert file.read_text().startswith("# a\n")


def test_export_needs_a_trusted_script(run, tmp_path):
    _, _, err = run("a", f"/export {tmp_path}/x.md", trusted=False)
    assert "/export works at a prompt and in --script FILE, not from a pipe" in err
    assert not (tmp_path / "x.md").exists()


@pytest.mark.parametrize("typed", ["/export ", "/save "])
def test_file_names_are_completed(tmp_path, monkeypatch, typed):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "talk.md").touch()
    assert ShellHarness().complete(typed) == [f"{typed}talk.md"]
    assert os.listdir(tmp_path) == ["talk.md"]


def test_a_plugin_sees_the_history(folder, run):
    seen: list[Any] = []

    def look(arguments, shell):
        seen.append((shell.id, shell.title))
        shell.rename("Renamed")
        seen.append((shell.id is not None, shell.title, [one.title for one in shell.sessions()]))
        shell.replace([Message("user", "x"), Message("assistant", "y")])
        seen.append(shell.id)

    class Plugin:
        @hookimpl
        def kaito_slash_commands(self):
            return [SlashCommand(name="look", run=look, summary="Look")]

    run("a", "/look", plugins=[Plugin()])
    assert seen[0][1] == "a"
    assert seen[1] == (True, "Renamed", ["Renamed"])
    assert seen[2] is not None
    assert seen[2] != seen[0][0]


@pytest.mark.parametrize("typed", ["/sessions", "/sessions talk"])
def test_more_conversations_than_are_shown_are_counted(folder, run, typed):
    for number in range(21):
        kept(folder, f"talk {number}")
    _, out, err = run(typed)
    shown, more, words = (20, 1, "") if typed == "/sessions" else (10, 11, " WORDS")
    assert len(out.splitlines()) == shown + 1
    assert err == f"({more} more; 'kaito history --all{words}' lists all)\n"


@pytest.mark.parametrize(
    "command",
    [lambda shell: shell.sessions(), lambda shell: shell.excerpts("x", []), lambda shell: shell.resume("x")],
)
def test_no_plugin_s_command_reads_the_history_for_a_pipe(folder, command):
    kept(folder, "private")

    class Plugin:
        @hookimpl
        def kaito_slash_commands(self):
            return [SlashCommand(name="peek", run=lambda arguments, shell: command(shell))]

    recorder = Recorder(folder, Bounds(age=None), "script")
    harness = ShellHarness("/peek", plugins=[Plugin()], recorder=recorder, trusted=False)
    out, err = harness.run()
    assert "Past conversations can be read at a prompt and in --script FILE, not from a pipe" in err
    assert "private" not in out + err
    recorder.close()
