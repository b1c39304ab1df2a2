"""The input of `kaito chat`: one message, a script, or a prompt."""

from __future__ import annotations

import argparse
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO, FileIO
from typing import TextIO

from msgspec import Struct

from kaito.chat.image_files import read_image
from kaito.console.terminal import Terminal
from kaito.errors import KaitoError, UsageError
from kaito.shell.input.filenames import path_of
from kaito.shell.input.stdin_reader import read_stdin
from kaito.shell.input.stdin_sharing import was_read_before
from kaito.types import Image

#: A loop of a shell has read the first line, and this process reads all others.
_READ_BEFORE = """\
Warning: stdin was read before, as by a loop; the rest of it is sent, too
   If the loop was to read it, add --no-stdin or < /dev/null
   To ask each line of a file in one run: --each --script FILE"""


class ScriptFile(Struct, frozen=True):
    """An open script, unbuffered."""

    file: FileIO | BytesIO
    name: str
    #: `False` for a pipe: its text may be a stranger's.
    trusted: bool


def one_message(given: argparse.Namespace, terminal: Terminal) -> str | None:
    """Return the message of `--message`, with piped material before it; `None` without the flag.

    Raises:
        UsageError: flags contradict each other, or the message is empty or too long.
        KaitoError: stdin cannot be read.
    """
    if given.message is None:
        if given.no_stdin:
            raise UsageError("--no-stdin: needs --message")
        return None
    if given.script is not None:
        raise UsageError("--message: cannot be used with --script")
    text: str = given.message
    if text == "-":
        if given.no_stdin:
            raise UsageError("--message: '-' cannot be used with --no-stdin")
        text = read_stdin(terminal, "--message -")
    elif not given.no_stdin and _is_material(terminal.stdin):
        read_before = was_read_before(terminal.stdin)
        material = read_stdin(terminal, "--message").removesuffix("\n")
        if material and read_before:
            terminal.note(_READ_BEFORE)
        text = f"{material}\n\n{text}" if material else text
    if not text.strip():
        raise UsageError("--message is empty")
    return text


def attached_images(given: argparse.Namespace) -> tuple[Image, ...]:
    """Return the images of `--image`.

    Raises:
        UsageError: there is no message for them, or one cannot be sent.
    """
    if given.image and given.message is None:
        raise UsageError("--image: needs --message; in a chat, /image sends one")
    paths = [path_of("--image", name) for name in given.image]
    try:
        return tuple(map(read_image, paths))
    except KaitoError as exc:
        raise UsageError(f"--image: {exc.message}", *exc.hints) from None


def _is_material(stdin: TextIO | None) -> bool:
    """Return whether stdin was redirected on purpose: a pipe or a file, not a terminal, a socket or /dev/null."""
    try:
        mode = os.fstat(stdin.fileno()).st_mode if stdin else 0
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode)


@contextmanager
def open_script(given: argparse.Namespace, terminal: Terminal) -> Iterator[ScriptFile | None]:
    """Yield the script of `--script` or of stdin; `None` when the user types at a terminal.

    Raises:
        UsageError: the file cannot be read, or a flag needs a script.
    """
    if given.script not in (None, "-"):
        try:
            file = path_of("--script", given.script).open("rb", buffering=0)
        except OSError as exc:
            raise UsageError(f"--script: cannot read '{given.script}': {exc.strerror}") from None
        with file:
            yield ScriptFile(file, given.script, trusted=True)
    elif terminal.in_is_terminal and given.script is None:
        for flag in ("each", "keep_going"):
            if getattr(given, flag):
                raise UsageError(
                    f"--{flag.replace('_', '-')}: needs a script", "Name one with --script FILE, or pipe it to stdin"
                )
        yield None
    else:
        stdin = getattr(terminal.stdin, "buffer", io.BytesIO())
        yield ScriptFile(getattr(stdin, "raw", stdin), "stdin", trusted=False)
