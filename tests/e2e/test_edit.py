"""`/edit`: a message from the user's own editor."""

import os
import stat

import pytest

from tests.e2e.seen import BANNER, at_prompt, editor, screen


@pytest.fixture
def edit(chat, tmp_path):
    """Start a chat whose editor runs some code."""

    def edit(code, name="EDITOR", **env):
        return chat(env={name: editor(tmp_path, code), **env}, columns=120)

    return edit


def test_the_last_message_is_edited_and_sent_again(edit, server, tmp_path):
    report = tmp_path / "report"
    session = edit(
        f"text = file.read_text()\npathlib.Path({str(report)!r}).write_text(f'{{file}} {{file.stat().st_mode}} {{text}}')\n"
        "file.write_text(text.replace('world', 'moon') + '\\nquit\\n\\n')"
    )
    session.type("hello world\n")
    session.wait_for(at_prompt(2))
    session.type("/edit\n")
    session.wait_for("Assistant: hello moon\n\nquit\n\n>")
    path, mode, text = report.read_text().split(maxsplit=2)
    assert text == "hello world\n"
    assert stat.S_IMODE(int(mode)) == 0o600
    assert not os.path.exists(os.path.dirname(path))
    assert server.chats[-1].last_message == "hello moon\n\nquit"
    session.press("up")
    session.wait_for("> hello moon\n\nquit")
    session.press("enter")
    session.wait_for("Assistant: hello moon\n\nquit\n\n>", count=2)
    assert server.chats[-1].last_message == "hello moon\n\nquit"


def test_visual_comes_first_and_text_can_be_given(edit, server):
    session = edit("file.write_text('[' + file.read_text().strip() + ']')", name="VISUAL", EDITOR="false")
    session.type("/edit first draft\n")
    session.wait_for("Assistant: [first draft]\n\n>")
    assert [chat.last_message for chat in server.chats] == ["[first draft]"]


@pytest.mark.parametrize("code", ["pass", "file.write_text(' \\n')"])
def test_an_empty_text_is_not_sent(edit, server, code):
    session = edit(code)
    session.type("/edit\n")
    session.wait_for(at_prompt(2))
    assert screen(session) == BANNER + "> /edit\nNothing to send: no text was saved\n\n>"
    assert server.chats == []


def test_what_is_not_saved_is_not_sent_again(edit, server):
    session = edit("pass")
    session.type("hello\n")
    session.wait_for(at_prompt(2))
    session.type("/edit\n")
    session.wait_for("no text was saved\n\n>")
    assert len(server.chats) == 1


def test_what_is_saved_as_it_was_is_sent_again(edit, server):
    session = edit("file.write_text(file.read_text())")
    session.type("hello\n")
    session.wait_for(at_prompt(2))
    session.type("/edit\n")
    session.wait_for("Assistant: hello\n\n>", count=2)
    assert len(server.chats) == 2


def test_an_editor_that_fails_sends_nothing(edit, server):
    session = edit("file.write_text('x'); sys.exit(3)")
    session.type("/edit\n")
    session.wait_for("failed with 3; nothing was sent\n   VISUAL or EDITOR names the editor, with its arguments\n\n>")
    assert server.chats == []


def test_an_editor_that_removes_the_file(edit, server):
    session = edit("file.unlink()")
    session.type("/edit\n")
    session.wait_for("cannot be read: No such file or directory\n\n>")


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("/nowhere/editor", "Cannot run the editor '/nowhere/editor': No such file or directory"),
        ("'unclosed", "EDITOR: ''unclosed' cannot be understood: No closing quotation"),
    ],
)
def test_an_editor_that_cannot_be_run(chat, server, command, told):
    session = chat(env={"EDITOR": command})
    session.type("/edit\n")
    session.wait_for(f"❌ Error: {told}")
    session.wait_for(at_prompt(2))
    assert server.chats == []


def test_an_editor_that_leaves_the_terminal_raw(edit):
    session = edit("import tty; tty.setraw(0); file.write_text('x')")
    session.type("/edit\n")
    session.wait_for("Assistant: x\n\n>")
    session.type("next\n")
    session.wait_for("Assistant: next\n\n>")
    assert "> next\nAssistant: next" in screen(session)


def test_answers_go_to_a_file_and_the_editor_to_the_terminal(start, tmp_path):
    command = editor(tmp_path, "print('on screen' if sys.stdout.isatty() else 'lost'); file.write_text('x')")
    out = tmp_path / "out"
    session = start(env={"EDITOR": command}, stdout=out)
    session.wait_for("\n>")
    session.type("/edit\n")
    session.wait_for(lambda session: screen(session).endswith("\n\n>") and "on screen" in screen(session))
    session.press("ctrl-d")
    assert session.wait_exit() == 0
    assert out.read_text() == "Assistant: x\n"


def test_in_a_script_file_it_needs_no_terminal(kaito, server, tmp_path):
    script = tmp_path / "script"
    script.write_text("/edit one\n")
    command = editor(tmp_path, "print('edits'); file.write_text(file.read_text() + 'two')")
    arguments = ["chat", "--endpoint", server.url]
    outcome = kaito(*arguments, "--script", str(script), env={"EDITOR": command})
    assert (outcome.code, outcome.out) == (0, "Assistant: one\ntwo\n")
    outcome = kaito(*arguments, stdin="/edit one\n", env={"EDITOR": command})
    assert outcome.code == 2
    assert "/edit works at a prompt and in --script FILE, not from a pipe" in outcome.err
