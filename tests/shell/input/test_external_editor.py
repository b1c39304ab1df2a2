"""The command of the editor, also on Windows."""

import sys

import pytest

from kaito.console.terminal import Terminal
from kaito.errors import KaitoError
from kaito.shell.input.external_editor import edited, editor_command


@pytest.mark.parametrize(
    ("environ", "command"),
    [
        ({}, ["vi"]),
        ({"EDITOR": " "}, ["vi"]),
        ({"EDITOR": "nano"}, ["nano"]),
        ({"VISUAL": "code --wait", "EDITOR": "nano"}, ["code", "--wait"]),
        ({"EDITOR": "'/opt/my editor' -n"}, ["/opt/my editor", "-n"]),
    ],
)
def test_the_editor_is_read_from_the_environment(environ, command):
    assert editor_command(environ) == command


@pytest.mark.parametrize(
    ("environ", "command"),
    [
        ({}, ["notepad"]),
        ({"EDITOR": "notepad++ -multiInst"}, ["notepad++", "-multiInst"]),
        ({"EDITOR": r"C:\bin\ed.exe -n"}, [r"C:\bin\ed.exe", "-n"]),
        ({"EDITOR": r'"C:\Program Files\ed.exe" -n'}, [r"C:\Program Files\ed.exe", "-n"]),
    ],
)
def test_the_editor_on_windows(monkeypatch, environ, command):
    monkeypatch.setattr(sys, "platform", "win32")
    assert editor_command(environ) == command


def test_a_windows_path_with_blanks_needs_no_quotes(monkeypatch, tmp_path):
    program = tmp_path / "my editor.exe"
    program.touch()
    monkeypatch.setattr(sys, "platform", "win32")
    assert editor_command({"EDITOR": str(program)}) == [str(program)]


def on_a_terminal():
    terminal = Terminal(None, None, None, {})
    terminal.in_is_terminal = terminal.out_is_terminal = True
    return terminal


def test_a_full_disk_is_reported(monkeypatch):
    def mkdtemp(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.mkdtemp", mkdtemp)
    with pytest.raises(KaitoError, match="Cannot write a file for the editor: No space left on device"):
        edited("text", on_a_terminal(), {"EDITOR": "true"})


def test_an_invalid_editor_is_reported():
    with pytest.raises(KaitoError, match="VISUAL: '\"x' is not a valid command"):
        editor_command({"VISUAL": '"x', "EDITOR": "vi"})
