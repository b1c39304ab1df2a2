"""`/edit`, where it is no session: the file that is edited, and in a script."""

import os
import stat

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
