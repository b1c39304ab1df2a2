"""Files that are opened, read and written with care."""

import os
import stat

import pytest

from kaito.util.safe_files import UnreadableError, open_regular, read_text, replace_file


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
