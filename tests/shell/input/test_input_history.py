"""The input history, saved between runs."""

import fcntl
import multiprocessing
import os
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.errors import KaitoError
from kaito.shell.input import input_history
from kaito.shell.input.input_history import History, decoded, encoded
from kaito.util import file_locks


@pytest.fixture
def file(tmp_path):
    return tmp_path / "state" / "history"


@given(st.text())
def test_any_entry_is_encoded_as_one_line(entry):
    line = encoded(entry)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decoded(line[:-1]) == entry


@given(st.binary())
def test_any_line_can_be_decoded(line):
    assert isinstance(decoded(line), str)


@given(st.lists(st.text(min_size=1), max_size=20))
def test_added_entries_are_loaded_without_repetitions(tmp_path_factory, entries):
    history = History(tmp_path_factory.mktemp("state") / "history")
    for entry in entries:
        history.add(entry)
    loaded = history.load()
    assert loaded == [entry for entry, before in zip(entries, [None, *entries], strict=False) if entry != before]


def test_a_lone_surrogate_is_replaced(file):
    History(file).add("a\ud800b")
    assert History(file).load() == ["a?b"]


def test_the_file_is_private(file):
    History(file).add("one")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    file.chmod(0o644)
    History(file).add("two")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_load_without_a_file(file):
    assert History(file).load() == []


def test_an_incomplete_last_line(file):
    file.parent.mkdir()
    file.write_bytes(b"one\nhal")
    assert History(file).load() == ["one"]
    History(file).add("two")
    assert History(file).load() == ["one", "hal", "two"]


def test_only_the_newest_entries_are_loaded(file, monkeypatch):
    monkeypatch.setattr(input_history, "RECALLED", 3)
    for number in range(5):
        History(file).add(str(number))
    assert History(file).load() == ["2", "3", "4"]


def test_a_very_long_entry_is_not_saved(file):
    History(file).add("x" * input_history.LONGEST)
    assert not file.exists()


def test_the_size_limit_keeps_the_newest_entries_complete(file, monkeypatch):
    monkeypatch.setattr(input_history, "LARGEST", 1000)
    entries = [f"entry\n{number:03}" for number in range(200)]
    for entry in entries:
        History(file).add(entry)
        assert file.stat().st_size <= 1000
    loaded = History(file).load()
    assert 30 < len(loaded) < 100
    assert loaded == entries[-len(loaded) :]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_symbolic_link_is_not_followed_for_writing(file, tmp_path):
    real = tmp_path / "real"
    real.write_text("theirs\n")
    file.parent.mkdir()
    file.symlink_to(real)
    with pytest.raises(KaitoError, match="history is a symbolic link"):
        History(file).add("one")
    assert real.read_text() == "theirs\n"


def test_a_dangling_link_creates_nothing(file, tmp_path):
    file.parent.mkdir()
    file.symlink_to(tmp_path / "new")
    with pytest.raises(KaitoError):
        History(file).add("one")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("part", ["folder", "file"])
@pytest.mark.parametrize("mode", [0o020, 0o002])
def test_what_others_can_write_is_refused_by_name(file, part, mode):
    History(file).add("one")
    path = file if part == "file" else file.parent
    path.chmod(path.stat().st_mode | mode)
    for use in (lambda: History(file).add("two"), History(file).load):
        with pytest.raises(KaitoError, match=f"{path} can be written by other users; 'chmod go-w' changes that"):
            use()
    assert file.read_text() == "one\n"


@pytest.mark.parametrize("make", [os.mkfifo, lambda file: file.symlink_to(os.devnull)], ids=["pipe", "device"])
def test_pipes_and_devices_are_not_used(file, make):
    file.parent.mkdir()
    make(file)
    before = file.stat()
    History(file).add("one")
    assert History(file).load() == []
    assert (file.stat().st_mode, file.stat().st_ino) == (before.st_mode, before.st_ino)


def test_a_file_of_root_keeps_its_mode(file, monkeypatch):
    file.parent.mkdir()
    file.touch(0o640)
    monkeypatch.setattr(os, "geteuid", lambda: file.stat().st_uid + 1)
    if file.stat().st_uid != 0:
        with pytest.raises(KaitoError, match="belongs to another user"):
            History(file).add("one")
        return
    History(file).add("one")
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert History(file).load() == ["one"]


def test_only_the_end_of_a_large_file_is_read(file, monkeypatch):
    monkeypatch.setattr(input_history, "LARGEST", 100)
    monkeypatch.setattr(input_history, "LONGEST", 50)
    file.parent.mkdir()
    file.write_bytes(b"first\n" + b"x" * 60 + b"\nsecond\n" + b"y" * 60 + b"\nlast\n")
    assert History(file).load() == ["second", "last"]
    file.write_bytes(b"z" * 100_000)
    History(file).add("next")
    assert file.stat().st_size <= 100
    assert History(file).load() == ["next"]


def _add_many(file, name, count):
    input_history.LARGEST = 20_000
    history = History(file)
    for number in range(count):
        history.add(f"{name}-{number}")


def test_concurrent_shells_lose_no_entries_while_the_file_is_trimmed(file):
    context = multiprocessing.get_context("fork")
    names = "abcd"
    writers = [context.Process(target=_add_many, args=(file, name, 600)) for name in names]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    loaded = History(file).load()
    for name in names:
        numbers = [int(entry[2:]) for entry in loaded if entry.startswith(f"{name}-")]
        # The oldest entries are trimmed; none of the later ones is missing.
        assert numbers == list(range(600 - len(numbers), 600))
    assert len(loaded) > 500


def test_a_suspended_shell_that_holds_the_lock_does_not_block_others(file, monkeypatch):
    monkeypatch.setattr(input_history, "LOCK_TIMEOUT", 0.05)
    History(file).add("one")
    with file.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        History(file).add("two")
    assert History(file).load() == ["one", "two"]


@pytest.mark.parametrize("error", [OSError(37, "No locks available"), None])
def test_a_system_without_locks(file, monkeypatch, error):
    class NoLocks:
        LOCK_EX = LOCK_NB = 0

        @staticmethod
        def flock(file, how):
            raise error

    monkeypatch.setattr(file_locks, "_fcntl", lambda: NoLocks if error else None)
    History(file).add("one")
    assert History(file).load() == ["one"]


def test_a_system_without_fcntl(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "fcntl", None)
    assert file_locks._fcntl() is None


def test_a_folder_that_cannot_be_created_is_reported(tmp_path):
    (tmp_path / "file").touch()
    history = History(tmp_path / "file" / "history")
    with pytest.raises(KaitoError, match="Cannot save the input history"):
        history.add("one")
    with pytest.raises(KaitoError, match="Cannot read the input history"):
        history.load()


def test_files_are_closed(file):
    before = len(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else 0
    for number in range(10):
        History(file).add(str(number))
    assert before == 0 or len(os.listdir("/proc/self/fd")) == before
