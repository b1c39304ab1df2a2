"""Files that are read within bounds, and written whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path


class UnreadableError(Exception):
    """A file cannot be taken for text; the message says why, without the file's name."""


# Opening a pipe that nobody writes to would wait for ever; Windows would translate the ends of lines.
_AS_IT_IS = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def open_regular(path: Path, flags: int) -> int | None:
    """Open a file by `os.open`'s flags; return its descriptor, or `None` when it is a device, a pipe or the like.

    One that is created is its owner's alone.

    Raises:
        OSError: it cannot be opened, or is a folder.
    """
    file = os.open(path, flags | _AS_IT_IS, 0o600)
    mode = os.fstat(file).st_mode
    if stat.S_ISREG(mode):
        return file
    os.close(file)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    return None


def read_text(path: Path, limit: int) -> str:
    """Return the text of a regular file in UTF-8, without a byte order mark.

    Args:
        path: where it is.
        limit: bytes that it may have.

    Raises:
        UnreadableError: it is no such file, is too large, or is not UTF-8.
    """
    try:
        descriptor = open_regular(path, os.O_RDONLY)
        if descriptor is None:
            raise UnreadableError("it is no regular file")
        with open(descriptor, "rb") as file:
            content = file.read(limit + 1)
    except (OSError, ValueError) as exc:
        raise UnreadableError(getattr(exc, "strerror", None) or str(exc)) from None
    if len(content) > limit:
        raise UnreadableError(f"it is larger than {limit // 1024} KiB")
    try:
        return content.removeprefix(b"\xef\xbb\xbf").decode()
    except UnicodeDecodeError as exc:
        raise UnreadableError(f"it is not UTF-8: byte {exc.start + 1} is 0x{exc.object[exc.start]:02x}") from None


def write_whole(path: Path, content: bytes) -> None:
    """Write a file in place of what is there, whole or not at all, readable by its user alone.

    A symbolic link stays, and what it leads to is replaced.

    Raises:
        OSError: it cannot be written.
    """
    target = Path(os.path.realpath(path))
    # mkstemp's file is its owner's alone.
    handle, name = tempfile.mkstemp(dir=target.parent)
    try:
        with open(handle, "wb") as file:
            file.write(content)
            file.flush()
            # Else a power failure may leave the new name with nothing in it.
            os.fsync(handle)
        os.replace(name, target)
    finally:
        with suppress(FileNotFoundError):  # it has taken its place
            os.unlink(name)
