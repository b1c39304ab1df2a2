"""Files that are opened, read and written with care."""

import errno
import fcntl
import os
import signal
import stat
import subprocess
import sys

import pytest

from kaito.util.safe_files import (
    UnreadableError,
    open_private,
    open_regular,
    private_folder,
    read_text,
    replace_file,
    replace_private,
)


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to(os.devnull)], ids=["pipe", "device"])
def test_only_regular_files_are_read(tmp_path, make):
    make(tmp_path / "x")
    assert open_regular(tmp_path / "x", os.O_RDONLY) is None
    with pytest.raises(UnreadableError, match="it is not a regular file"):
        read_text(tmp_path / "x", 10)


def test_a_folder_is_an_error(tmp_path):
    with pytest.raises(IsADirectoryError):
        open_regular(tmp_path, os.O_RDONLY)
    with pytest.raises(UnreadableError, match="Is a directory"):
        read_text(tmp_path, 10)


def test_a_new_file_is_readable_by_its_owner_alone(tmp_path):
    file = open_regular(tmp_path / "x", os.O_WRONLY | os.O_CREAT)
    assert file is not None
    os.close(file)
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o600


def test_a_file_is_flushed_before_it_is_renamed(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda file: synced.append(os.fstat(file).st_size))
    replace = os.replace

    def name_it(old, new):
        assert synced == [3]
        replace(old, new)

    monkeypatch.setattr(os, "replace", name_it)
    replace_file(tmp_path / "x", b"abc")
    assert (tmp_path / "x").read_bytes() == b"abc"


UMASKS = [0o000, 0o022, 0o077, 0o177, 0o277, 0o700, 0o777]


@pytest.fixture(params=UMASKS, ids=oct)
def umask(request):
    """Set a umask for a test."""
    before = os.umask(request.param)
    yield request.param
    assert os.umask(before) == request.param


def mode(path):
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.mark.usefixtures("umask")
def test_modes_under_any_umask(tmp_path):
    outer, inner = tmp_path / "a" / "b" / "kaito", tmp_path / "a" / "b" / "kaito" / "inner"
    private_folder(outer, inner)
    assert {mode(path) for path in (tmp_path / "a", tmp_path / "a" / "b", outer, inner)} == {0o700}
    replace_private(inner / "one", b"1")
    replace_private(inner / "one", b"2")
    replace_file(inner / "two", b"3")
    file = open_private(inner / "three", os.O_WRONLY | os.O_CREAT)
    assert file is not None
    os.close(file)
    assert {path.name: mode(path) for path in inner.iterdir()} == {"one": 0o600, "two": 0o600, "three": 0o600}


def test_a_private_file_that_others_can_read_becomes_private(tmp_path):
    path = tmp_path / "x"
    path.touch(0o644)
    file = open_private(path, os.O_WRONLY)
    assert file is not None
    os.close(file)
    assert mode(path) == 0o600


_KILLED = """
import os, signal, sys
from pathlib import Path
from kaito.util import safe_files
safe_files.os.fsync = lambda handle: os.kill(os.getpid(), signal.SIGKILL)
safe_files.replace_private(Path(sys.argv[1]), b"half")
"""


@pytest.mark.parametrize("sweep", [lambda path: private_folder(path.parent), lambda path: replace_file(path, b"new")])
def test_what_a_kill_left_is_swept(tmp_path, sweep):
    folder = tmp_path / "kaito"
    private_folder(folder)
    replace_private(folder / "x", b"whole")
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", _KILLED, str(folder / "x")], check=False)
        assert done.returncode == -signal.SIGKILL
    assert len(list(folder.iterdir())) == 4
    sweep(folder / "x")
    assert [path.name for path in folder.iterdir()] == ["x"]


def test_only_forgotten_temporary_files_are_swept(tmp_path):
    for name in ("tmpabcdefgh", ".x.abc.kaito-tmp", ".x.def.kaito-tmp", "tmp", "tmpfile.txt", "x.kaito-tmp", ".x"):
        (tmp_path / name).touch()
    (tmp_path / "tmpdir_0000").mkdir()
    (tmp_path / ".link.kaito-tmp").symlink_to(tmp_path / ".x")
    with (tmp_path / ".x.def.kaito-tmp").open() as used:
        fcntl.flock(used, fcntl.LOCK_EX)
        tmp_path.chmod(0o700)
        private_folder(tmp_path)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {
        *(".x.def.kaito-tmp", "tmp", "tmpfile.txt", "x.kaito-tmp", ".x"),
        *("tmpdir_0000", ".link.kaito-tmp"),
    }


def test_nothing_is_swept_where_files_have_no_locks(tmp_path, monkeypatch):
    def flock(file, operation):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
    (tmp_path / ".x.abc.kaito-tmp").touch()
    replace_file(tmp_path / "x", b"1")
    assert {path.name for path in tmp_path.iterdir()} == {"x", ".x.abc.kaito-tmp"}


def test_a_file_in_another_folder_is_swept_by_its_name_only(tmp_path):
    for name in (".x.abc.kaito-tmp", ".y.abc.kaito-tmp", "tmpabcdefgh"):
        (tmp_path / name).touch()
    replace_file(tmp_path / "x", b"1")
    assert {path.name for path in tmp_path.iterdir()} == {"x", ".y.abc.kaito-tmp", "tmpabcdefgh"}
