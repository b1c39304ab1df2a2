"""Temporary folders."""

import errno
import fcntl
import os
import stat
import tempfile

import pytest

from kaito.util.temporary_folders import FORGOTTEN, temporary_folder


@pytest.fixture
def parent(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777], ids=oct)
def test_a_folder_is_private_and_removed(parent, umask):
    before = os.umask(umask)
    try:
        with temporary_folder("mine-") as folder:
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            (folder / "file").touch()
    finally:
        os.umask(before)
    assert list(parent.iterdir()) == []


def test_folders_of_killed_processes_are_removed(parent):
    for name in ("mine-old", "mine-new", "other-old"):
        (parent / name).mkdir()
        (parent / name / "file").touch()
    (parent / "mine-file").touch()
    (parent / "mine-link").symlink_to(parent / "other-old")
    with temporary_folder("mine-") as used:
        for name in ("mine-old", "other-old", "mine-file", used.name):
            os.utime(parent / name, (0, os.stat(parent / name).st_mtime - FORGOTTEN - 60))
        with temporary_folder("mine-") as second:
            left = {path.name for path in parent.iterdir()}
            assert left == {"mine-new", "other-old", "mine-file", "mine-link", used.name, second.name}


def test_nothing_is_removed_where_files_have_no_locks(parent, monkeypatch):
    def flock(file, operation):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
    (parent / "mine-old").mkdir()
    os.utime(parent / "mine-old", (0, os.stat(parent).st_mtime - FORGOTTEN - 60))
    with temporary_folder("mine-"):
        pass
    assert [path.name for path in parent.iterdir()] == ["mine-old"]
