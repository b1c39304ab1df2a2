"""A text in the user's own editor, for `/edit`."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

from kaito.console.terminal import Terminal
from kaito.errors import KaitoError
from kaito.util.safe_files import UnreadableError, read_text

#: Bytes of the text that comes back.
LARGEST = 16 * 1024 * 1024
#: Seconds for an editor to end when this process has to.
GRACE = 2.0

_HINT = "VISUAL or EDITOR names the editor, with its arguments"


def edited(text: str, terminal: Terminal, environ: Mapping[str, str]) -> str:
    """Return what the user made of a text, without newlines at its end; nothing if they saved nothing.

    Args:
        text: what the editor shows first.
        terminal: the editor's meanwhile.
        environ: names the editor.

    Raises:
        KaitoError: the editor cannot be run, it failed, or there is no room for its file.
        Ended: a signal ends the process; the editor has ended.
    """
    command = editor_command(environ)
    with _file_with(f"{text}\n" if text else "") as path:
        before = _version(path)
        with terminal.handed_over():
            code = _run([*command, str(path)], terminal)
        if code:
            how = f"was ended by signal {-code}" if code < 0 else f"failed with {code}"
            raise KaitoError(f"The editor '{command[0]}' {how}; nothing was sent", _HINT)
        if _version(path) == before:
            return ""
        try:
            return read_text(path, LARGEST).replace("\r\n", "\n").rstrip("\n")
        except UnreadableError as exc:
            raise KaitoError(f"What the editor '{command[0]}' saved cannot be read: {exc}") from None


@contextmanager
def _file_with(text: str) -> Iterator[Path]:
    """Have a file with a text, for its user alone."""
    with ExitStack() as stack:
        try:
            # Editors leave copies beside a file: the folder goes with all that is in it.
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="kaito-", ignore_cleanup_errors=True))
            path = Path(folder, "message.md")
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
                file.write(text)
        except OSError as exc:
            raise KaitoError(f"Cannot write a file for the editor: {exc.strerror}") from None
        yield path


def _version(path: Path) -> tuple[int, ...] | None:
    """Return what changes when a file is saved, with other words or the same; `None` when it has gone."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def editor_command(environ: Mapping[str, str]) -> list[str]:
    """Return the command that opens the user's editor.

    Raises:
        KaitoError: the environment names none that can be understood.
    """
    windows = sys.platform == "win32"
    for name in ("VISUAL", "EDITOR"):
        if given := environ.get(name, "").strip():
            if windows and Path(given.strip('"')).exists():
                return [given.strip('"')]
            try:
                # A backslash is part of a path there.
                words = shlex.split(given, posix=not windows)
            except ValueError as exc:
                raise KaitoError(f"{name}: '{given}' cannot be understood: {exc}") from None
            return [word.strip('"') for word in words] if windows else words
    return ["notepad" if windows else "vi"]


def _run(command: Sequence[str], terminal: Terminal) -> int:
    """Run a program on the terminal; return its exit code, negative for a signal."""
    # Where stdout is a file or a pipe, it is for answers.
    stdout = None if terminal.out_is_terminal else _fileno(terminal.stderr)
    try:
        with _left_to_it(), subprocess.Popen(command, stdout=stdout) as process:
            try:
                with terminal.waiting_for_a_key():
                    return process.wait()
            except BaseException:
                # It gets the chance to leave the terminal as it found it.
                process.terminate()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(GRACE)
                process.kill()
                raise
    except OSError as exc:
        raise KaitoError(f"Cannot run the editor '{command[0]}': {exc.strerror}", _HINT) from None


def _fileno(stream: TextIO | None) -> int:
    try:
        return stream.fileno() if stream is not None else subprocess.DEVNULL
    except (OSError, ValueError):  # closed, or no file at all
        return subprocess.DEVNULL


@contextmanager
def _left_to_it() -> Iterator[None]:
    """Leave to a program in the foreground what the keyboard sends to both it and this process."""

    def ignore(number: int, frame: FrameType | None) -> None:
        """Do nothing. Unlike `SIG_IGN` it is not inherited."""

    # Whoever stops the two wakes both.
    handlers: dict[str, Any] = {"SIGINT": ignore, "SIGQUIT": ignore, "SIGTSTP": signal.SIG_DFL}
    before: dict[int, Any] = {}
    for name, handler in handlers.items():
        if number := getattr(signal, name, None):
            before[number] = signal.signal(number, handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
