"""Files are private and appended to as a whole, whatever else writes them."""

from __future__ import annotations

import os
import stat
import subprocess
import sys

import pytest
from kaito_transcript import files
from kaito_transcript.files import append_line, check_destination

from kaito.testing import child_environment


def test_an_unknown_home_folder():
    with pytest.raises(ValueError, match="the home folder is unknown"):
        check_destination("~nobody-here/x")


def test_files_and_folders_are_private(tmp_path):
    before = os.umask(0)
    try:
        append_line(tmp_path / "new/chat.jsonl", b"{}")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "new/chat.jsonl").stat().st_mode) == 0o600
    (tmp_path / "new/chat.jsonl").chmod(0o644)
    append_line(tmp_path / "new/chat.jsonl", b"{}")
    assert stat.S_IMODE((tmp_path / "new/chat.jsonl").stat().st_mode) == 0o600
    assert (tmp_path / "new/chat.jsonl").read_bytes() == b"{}\n{}\n"


def test_half_a_line_is_ended(file):
    file.write_bytes(b'{"ha')
    append_line(file, b"{}")
    assert file.read_bytes() == b'{"ha\n{}\n'


def test_a_full_disk_leaves_no_half_line(file, monkeypatch):
    file.write_bytes(b"{}\n")
    write = os.write

    def full(descriptor, data):
        if len(data) <= 5:
            raise OSError(28, "No space left on device")
        return write(descriptor, bytes(data[:5]))

    monkeypatch.setattr(files.os, "write", full)
    with pytest.raises(OSError, match="No space left"):
        append_line(file, b'{"text": 1}')
    monkeypatch.undo()
    assert file.read_bytes() == b"{}\n"


def test_a_lock_that_is_held_delays_for_a_moment_only(file, monkeypatch):
    fcntl = pytest.importorskip("fcntl")
    monkeypatch.setattr(files, "_LOCK_TIMEOUT", 0.05)
    with file.open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        append_line(file, b"{}")
    assert file.read_bytes() == b"{}\n"


_SHELL = """
import sys
from pathlib import Path
from kaito_transcript.files import append_line
for _ in range(100):
    append_line(Path(sys.argv[1]), sys.argv[2].encode() * 5000)
"""


def test_several_shells_at_once(file):
    shells = [
        subprocess.Popen([sys.executable, "-c", _SHELL, str(file), name], env=child_environment()) for name in "abc"
    ]
    assert [shell.wait() for shell in shells] == [0, 0, 0]
    lines = file.read_text().splitlines()
    assert sorted(lines) == [name * 5000 for name in "abc" for _ in range(100)]


def test_a_device_is_refused():
    with pytest.raises(OSError, match="not a regular file"):
        append_line(files.Path("/dev/null"), b"{}")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing/chat.jsonl", "there is no folder '"),
        ("notes.txt", "it is another file, and not a transcript"),
        ("notes.txt/", "it is not a folder that you can write into"),
    ],
)
def test_an_impossible_destination(tmp_path, name, reason):
    (tmp_path / "notes.txt").write_text("notes")
    with pytest.raises(ValueError, match=reason):
        check_destination(f"{tmp_path}/{name}")


def test_possible_destinations(tmp_path):
    (tmp_path / "chat.jsonl").write_text("{}\n")
    (tmp_path / "empty").touch()
    for name in ("chat.jsonl", "empty", "new.jsonl", "", "new/folder/"):
        check_destination(f"{tmp_path}/{name}")
    with pytest.raises(ValueError, match="not a regular file"):
        check_destination("/dev/null")
