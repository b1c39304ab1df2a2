"""Files that are read within bounds, and written whole or not at all."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path


class UnreadableError(Exception):
    """A file cannot be taken for text; the message says why, without the file's name."""


def read_text(path: Path, limit: int) -> str:
    """Return the text of a regular file in UTF-8, without a byte order mark.

    Args:
        path: where it is.
        limit: bytes that it may have.

    Raises:
        UnreadableError: it is no such file, is too large, or is not UTF-8.
    """
    try:
        # Opening a pipe that nobody writes to would wait for ever.
        if not stat.S_ISREG(path.stat().st_mode):
            raise UnreadableError("it is no regular file")
        with path.open("rb") as file:
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
        os.replace(name, target)
    finally:
        with suppress(FileNotFoundError):  # it has taken its place
            os.unlink(name)
