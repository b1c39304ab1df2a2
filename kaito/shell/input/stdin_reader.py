"""Reads all of stdin as text: up to a limit, and with a message when it takes long."""

from __future__ import annotations

import os
import select
import stat
import sys
from typing import TextIO

from kaito.console.questions import end_key
from kaito.console.terminal import Terminal
from kaito.errors import KaitoError, UsageError
from kaito.util import limits
from kaito.util.texts import decode_text

_READ_SIZE = 1024 * 1024
#: Seconds between two looks at whether the wait must be shown.
_TICK = 0.1


def read_stdin(terminal: Terminal, flag: str) -> str:
    """Return stdin's text. What cannot be decoded is replaced, and reported.

    Args:
        flag: the flag that asks for it, for messages.

    Raises:
        UsageError: it is longer than the limit.
        KaitoError: it cannot be read.
    """
    if terminal.stdin is None:
        return ""
    if terminal.in_is_terminal:
        terminal.note(f"({flag} reads stdin; {end_key()} at the start of a line ends it)", dim=True)
    try:
        data = _read(terminal, terminal.stdin, limits.STDIN)
    except OSError as exc:
        raise KaitoError(f"Cannot read stdin: {exc.strerror}") from exc
    if len(data) > limits.STDIN:
        message = f"{flag}: stdin is larger than {limits.shown_size(limits.STDIN)}"
        raise UsageError(message, "Send a part of it, such as its end, with 'tail -c 100K'")
    decoded = decode_text(data)
    if decoded.replaced:
        count = "1 character" if decoded.replaced == 1 else f"{decoded.replaced} characters"
        terminal.notice(f"Warning: {count} of stdin replaced: {decoded.problem}")
    return decoded.text


def _read(terminal: Terminal, stdin: TextIO, limit: int) -> bytearray:
    """Return all bytes, or more than the limit."""
    data = bytearray()
    terminal.status("reading stdin")
    waits = _can_wait(stdin)
    try:
        while len(data) <= limit:
            if waits:
                while not select.select([stdin], [], [], _TICK)[0]:
                    if not terminal.in_is_terminal:
                        terminal.tick()
            # A single system call, which returns the bytes that have arrived.
            read = stdin.buffer.read1(_READ_SIZE) if hasattr(stdin.buffer, "read1") else stdin.buffer.read(_READ_SIZE)
            if not read:
                break
            data += read
    finally:
        terminal.clear_status()
    return data


def _can_wait(stdin: TextIO) -> bool:
    """Return whether `select` can wait for input: on pipes, terminals and sockets."""
    if sys.platform == "win32":
        return False
    try:
        return not stat.S_ISREG(os.fstat(stdin.fileno()).st_mode)
    except (OSError, ValueError):  # not a file
        return False
