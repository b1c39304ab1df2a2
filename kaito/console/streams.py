"""Stdin, stdout and stderr: whether they are terminals, which characters they can write, and their errors."""

from __future__ import annotations

import errno
import os
import re
import sys
from contextlib import suppress
from typing import TextIO

# Emojis at the beginning of our own lines.
_SYMBOL = re.compile("^(🤖|💬|🎯|🗑️|👋|❌) ", re.MULTILINE)
# Windows reports a pipe without a reader as an invalid argument.
_READER_GONE = {errno.EPIPE, errno.EBADF} | ({errno.EINVAL} if sys.platform == "win32" else set())


def prepare(stream: TextIO | None) -> None:
    """Let a stream replace characters that it cannot encode, and make it block."""
    if reconfigure := getattr(stream, "reconfigure", None):
        reconfigure(errors="replace")
    wait_until_ready(stream)


def wait_until_ready(stream: TextIO | None) -> None:
    """Make a stream block. A parent may have left it non-blocking, so that text would be lost."""
    try:
        fd = stream.fileno() if stream is not None else -1
        if fd >= 0 and not os.get_blocking(fd):
            os.set_blocking(fd, True)
    except (AttributeError, OSError, ValueError):  # Windows before Python 3.12; not a file
        pass


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether a stream is a terminal."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


def can_encode(stream: TextIO | None, text: str) -> bool:
    """Return whether a stream can write all letters of a text."""
    encoding = getattr(stream, "encoding", None)
    if encoding in (None, "utf-8") or encoding.lower().replace("-", "") == "utf8":
        return True
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def without_symbols(text: str) -> str:
    """Return a text without the symbols that our own lines begin with."""
    return _SYMBOL.sub("", text)


def reader_is_gone(exc: OSError | ValueError) -> bool:
    """Return whether a write failed because nobody reads any more."""
    return not isinstance(exc, OSError) or exc.errno in _READER_GONE


def discard_buffer(stream: TextIO) -> None:
    """Discard what could not be written to the process's own stdout.

    Otherwise the interpreter would report it when it exits, or the next prompt would write it.
    """
    if stream is not sys.__stdout__:
        return
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, stream.fileno())
    os.close(devnull)
    with suppress(OSError, ValueError):
        stream.flush()
