"""`/edit`, where it is no session: the file that is edited, and in a script."""

import os
import stat

import pytest

from tests.e2e.terminals.seen import editor


def test_the_file_is_the_user_s_alone_and_goes_with_its_folder(chat, tmp_path):
    report = tmp_path / "report"
    code = f"pathlib.Path({str(report)!r}).write_text(f'{{file}} {{file.stat().st_mode}} {{file.read_text()}}'); file.write_text(file.read_text())"
    session = chat(env={"EDITOR": editor(tmp_path, code)})
    session.type("/edit hello world\n")
    session.wait_for("Assistant: hello world\n\n>")
    path, mode, text = report.read_text().split(maxsplit=2)
    assert text == "hello world\n"
    assert stat.S_IMODE(int(mode)) == 0o600
    assert not os.path.exists(os.path.dirname(path))


def test_a_script_file_at_a_terminal(start, tmp_path):
    script = tmp_path / "script"
    script.write_text("/edit one\n")
    env = {"EDITOR": editor(tmp_path, "print('edits'); file.write_text(file.read_text() + 'two')")}
    session = start("--script", str(script), env=env, stdout="pipe")
    assert session.wait_exit() == 0
    assert (session.out.decode(), "edits" in session.screen) == ("Assistant: one\ntwo\n", True)


@pytest.mark.parametrize("place", ["script file", "pipe"])
def test_without_a_terminal_no_editor_is_started(kaito, server, tmp_path, place):
    script = tmp_path / "script"
    script.write_text("hi\n/edit\n")
    given = {"stdin": "hi\n/edit\n"} if place == "pipe" else {}
    arguments = ["--script", str(script)] if place == "script file" else []
    env = {"EDITOR": f"touch {tmp_path / 'started'}"}
    outcome = kaito("chat", "--endpoint", server.url, *arguments, env=env, **given)
    assert (outcome.code, outcome.out) == (2, "Assistant: hi\n")
    where, reason = {
        "script file": (str(script), "There is no terminal on which the editor could run"),
        "pipe": ("stdin", "/edit works at a prompt and in --script FILE, not from a pipe"),
    }[place]
    assert outcome.err.startswith(f"❌ Error: {reason}\n")
    assert outcome.err.endswith(f"   at {where}:2\n")
    assert not (tmp_path / "started").exists()
