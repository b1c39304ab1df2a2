"""Files that a user names."""

import os
import sys
import threading

import pytest

from kaito.util import user_files
from kaito.util.user_files import read_bytes


def test_a_file_is_read_up_to_the_limit(tmp_path):
    file = tmp_path / "x"
    file.write_bytes(b"abc")
    assert read_bytes(file, 3) == b"abc"
    with pytest.raises(OSError, match="it is larger than 2 bytes"):
        read_bytes(file, 2)


def test_a_folder(tmp_path):
    with pytest.raises(IsADirectoryError):
        read_bytes(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX")
def test_a_device_may_be_endless():
    assert read_bytes(os.devnull) == b""
    with pytest.raises(OSError, match="it is larger than 1 KiB"):
        read_bytes("/dev/zero", 1024)


@pytest.mark.skipif(sys.platform == "win32", reason="no /dev/fd")
@pytest.mark.parametrize(("content", "limit"), [(b"", 10), (b"secret", 6), (b"x" * 200_000, 200_000)])
def test_the_pipe_of_a_shell(content, limit):
    """As `<(command)` passes it."""
    reader, writer = os.pipe()

    def write():
        with open(writer, "wb") as file:
            file.write(content)

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    try:
        assert read_bytes(f"/dev/fd/{reader}", limit) == content
    finally:
        os.close(reader)
    thread.join()


@pytest.mark.skipif(sys.platform == "win32", reason="no FIFOs")
def test_a_pipe_that_brings_more_than_the_limit_at_once(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    # Open for both, as then it needs no other process.
    both = os.open(pipe, os.O_RDWR)
    try:
        os.write(both, b"x" * 100)
        with pytest.raises(OSError, match="it is larger than 50 bytes"):
            read_bytes(pipe, 50)
    finally:
        os.close(both)


@pytest.mark.skipif(sys.platform == "win32", reason="no FIFOs")
def test_a_pipe_that_no_program_opens_to_write(tmp_path, monkeypatch):
    monkeypatch.setattr(user_files, "_WRITER_WAIT", 0.01)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="no program writes into this pipe"):
        read_bytes(tmp_path / "pipe")


@pytest.mark.skipif(sys.platform == "win32", reason="no FIFOs")
def test_a_pipe_that_is_open_and_silent_is_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(user_files, "_WRITER_WAIT", 0.01)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(pipe, os.O_WRONLY)
    results = []
    thread = threading.Thread(target=lambda: results.append(read_bytes(pipe)), daemon=True)
    thread.start()
    thread.join(0.2)
    assert not results
    os.write(writer, b"late")
    os.close(writer)
    thread.join()
    os.close(reader)
    assert results == [b"late"]
