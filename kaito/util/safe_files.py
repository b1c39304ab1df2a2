"""Reads regular files up to a limit, and replaces files as a whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from kaito.util.texts import encoding_of


class UnreadableError(Exception):
    """A file cannot be read as text. The message is the reason, without the file's name."""


# Opening a pipe without a writer would block; Windows would translate line ends.
_FLAGS = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def open_regular(path: Path, flags: int) -> int | None:
    """Open a file with `os.open`'s flags; return its descriptor, or `None` for a device, a pipe or similar.

    A file that is created is accessible to its owner only.

    Raises:
        OSError: it cannot be opened, or is a directory.
    """
    file = os.open(path, flags | _FLAGS, 0o600)
    mode = os.fstat(file).st_mode
    if stat.S_ISREG(mode):
        return file
    os.close(file)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    return None


def read_text(path: Path, limit: int) -> str:
    """Return the text of a regular file in UTF-8, or in the encoding of its byte order mark, without the mark.

    Args:
        limit: the most bytes that it may have.

    Raises:
        UnreadableError: it is not a regular file, is too large, or is not text in its encoding.
    """
    try:
        descriptor = open_regular(path, os.O_RDONLY)
        if descriptor is None:
            raise UnreadableError("it is not a regular file")
        with open(descriptor, "rb") as file:
            content = file.read(limit + 1)
    except (OSError, ValueError) as exc:
        raise UnreadableError(getattr(exc, "strerror", None) or str(exc)) from None
    if len(content) > limit:
        raise UnreadableError(f"it is larger than {limit // 1024} KiB")
    encoding, start = encoding_of(content)
    try:
        return content[start:].decode(encoding)
    except UnicodeDecodeError as exc:
        place = start + exc.start
        name = encoding[:6].rstrip("-").upper()
        raise UnreadableError(f"it is not {name}: byte {place + 1} is 0x{content[place]:02x}") from None


def replace_file(path: Path, content: bytes) -> None:
    """Replace a file, or create it, as a whole or not at all; only its owner can read it.

    A symbolic link is kept, and its target replaced.

    Raises:
        OSError: it cannot be written.
    """
    target = Path(os.path.realpath(path))
    # mkstemp's file is accessible to its owner only.
    handle, name = tempfile.mkstemp(dir=target.parent)
    try:
        with open(handle, "wb") as file:
            file.write(content)
            file.flush()
            # Otherwise a power failure may leave an empty file.
            os.fsync(handle)
        os.replace(name, target)
    finally:
        with suppress(FileNotFoundError):  # it was renamed
            os.unlink(name)
