"""Detects that another program has read the beginning of stdin, as a shell's `while read` loop does.

A child of such a loop inherits its input. One that reads it takes the lines of all later rounds.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import TextIO

#: Bytes of a file of the process that are read.
_MOST = 64 * 1024


def was_read_before(stdin: TextIO | None) -> bool:
    """Return whether there is evidence that the beginning of stdin was read by another program.

    A file has a position, which its readers share: `< FILE` begins at 0. A pipe has none. On Linux, it is known that a
    shell's loop has read from it: the parent has the same pipe as its stdin, is a copy of its own parent (a shell's
    part of `a | while read b; do …`), and has read something byte by byte, as shells read from pipes.

    Args:
        stdin: nothing of it has been read by this process.
    """
    try:
        fd = stdin.fileno() if stdin else -1
        status = os.fstat(fd)
        if stat.S_ISREG(status.st_mode):
            return os.lseek(fd, 0, os.SEEK_CUR) > 0
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(status.st_mode) and _parent_reads(status)


def _parent_reads(pipe: os.stat_result) -> bool:
    with suppress(OSError, ValueError):
        parent = Path("/proc") / str(os.getppid())
        its_stdin = os.stat(parent / "fd" / "0")
        if (its_stdin.st_dev, its_stdin.st_ino) != (pipe.st_dev, pipe.st_ino):
            return False
        grandparent = Path("/proc") / _field(parent / "status", "PPid")
        # A program that was started, such as a script around this one, has read its own files, too.
        is_copy = _read(parent / "cmdline") == _read(grandparent / "cmdline")
        size, calls = (int(_field(parent / "io", name)) for name in ("rchar", "syscr"))
        # The outputs of commands that a shell inserts, as in "$(date)", are read in larger pieces.
        return is_copy and 0 < size <= 2 * calls
    return False


def _field(file: Path, name: str) -> str:
    """Return a field of a file of the form `name: value`.

    Raises:
        OSError: the file cannot be read.
        ValueError: it has no such field.
    """
    for line in _read(file).decode("ascii", "replace").splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return value.strip()
    raise ValueError(name)


def _read(file: Path) -> bytes:
    with file.open("rb", buffering=0) as opened:
        return opened.read(_MOST) or b""
