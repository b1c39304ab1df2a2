"""The files of transcripts. They are private, and several shells can append to them at once."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from kaito import toolkit

#: Seconds to wait for another shell, which holds a lock while it writes one line.
_LOCK_TIMEOUT = 1.0

_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def is_folder(destination: str) -> bool:
    """Return whether a transcript is a folder with a file for each conversation: it exists or ends with a slash."""
    return destination.endswith(("/", os.sep)) or Path(destination).expanduser().is_dir()


def check_destination(destination: str) -> None:
    """Check that a transcript can be written, without writing it.

    Raises:
        ValueError: it cannot be written there.
    """
    try:
        path = toolkit.named_path(destination)
    except OSError as exc:
        raise ValueError(exc.strerror) from None
    if is_folder(destination):
        if path.exists() and not (path.is_dir() and os.access(path, os.W_OK | os.X_OK)):
            raise ValueError("it is not a folder that you can write into")
    elif not path.exists():
        if not path.parent.is_dir():
            raise ValueError(f"there is no folder '{path.parent}'")
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise ValueError(f"you cannot write into '{path.parent}'")
    else:
        _check_file(path)


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise ValueError("it is not a regular file")
    try:
        with path.open("rb+") as file:
            first = file.read(1)
    except OSError as exc:
        raise ValueError(exc.strerror) from None
    if first not in (b"", b"{"):
        raise ValueError("it is another file, and not a transcript")


def append_line(path: Path, line: bytes) -> None:
    """Append a line as a whole or not at all. A new file and new folders are accessible only to their owner.

    Raises:
        OSError: it cannot be written.
    """
    toolkit.make_folders(path.parent)
    file = os.open(path, _FLAGS, 0o600)
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(0, "it is not a regular file")
        if os.name == "posix" and status.st_uid == os.geteuid():
            os.fchmod(file, 0o600)
        locked = toolkit.lock_file(file, _LOCK_TIMEOUT)  # even without it, a line is written whole
        _append(file, line, alone=locked)
    finally:
        os.close(file)  # this also unlocks it


def _append(file: int, line: bytes, *, alone: bool) -> None:
    end = os.fstat(file).st_size
    # A killed process may have left half a line.
    torn = end > 0 and os.pread(file, 1, end - 1) != b"\n" if hasattr(os, "pread") else False
    rest = memoryview((b"\n" if torn else b"") + line + b"\n")
    try:
        while rest:
            rest = rest[os.write(file, rest) :]
    except OSError:
        if alone:
            with contextlib.suppress(OSError):
                os.ftruncate(file, end)
        raise


def transcripts(path: Path) -> Iterator[Path]:
    """Yield the files of a transcript: the file itself, or those of a folder.

    Raises:
        OSError: a folder cannot be read.
    """
    if path.is_dir():
        yield from sorted(each for each in path.iterdir() if each.suffix == ".jsonl")
    else:
        yield path
