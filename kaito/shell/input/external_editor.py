"""Runs the user's own editor on a text, for `/edit`."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

from kaito.console.terminal import Terminal
from kaito.errors import KaitoError, UsageError
from kaito.util.children import child_environment, failure_of
from kaito.util.safe_files import UnreadableError, owner_only, read_text
from kaito.util.temporary_folders import temporary_folder

#: The most bytes of the edited text.
LARGEST = 16 * 1024 * 1024
#: Seconds that the editor gets to exit when this process must end.
GRACE = 2.0

_HINT = "VISUAL or EDITOR names the editor, with its arguments"


def edited(text: str, terminal: Terminal, environ: Mapping[str, str]) -> str:
    """Return the edited text without trailing newlines; `""` when nothing was saved.

    Raises:
        UsageError: there is no terminal.
        KaitoError: the editor cannot be run, it failed, or its file cannot be written.
        Ended: SIGTERM or SIGHUP; the editor has exited.
    """
    require_terminal(terminal)
    command = editor_command(environ)
    with _file_with(f"{text}\n" if text else "") as path:
        before = _version(path)
        run_editor(path, terminal, environ, otherwise="; nothing was sent")
        if _version(path) == before:
            return ""
        try:
            return read_text(path, LARGEST).replace("\r\n", "\n").rstrip("\n")
        except UnreadableError as exc:
            raise KaitoError(f"Cannot read the file that the editor '{command[0]}' saved: {exc}") from None


def require_terminal(terminal: Terminal) -> None:
    """Check that there is a terminal on which an editor can run: elsewhere, it would write its screen into a file.

    Raises:
        UsageError: the input, or all of the output, is not a terminal.
    """
    if not terminal.has_person:
        raise UsageError("There is no terminal on which the editor could run")


def run_editor(path: Path, terminal: Terminal, environ: Mapping[str, str], *, otherwise: str = "") -> None:
    """Run the user's editor on a file, and wait until it exits. :func:`require_terminal` was called before.

    Args:
        otherwise: what follows from a failure, for its message.

    Raises:
        KaitoError: it cannot be run, or it failed.
        Ended: SIGTERM or SIGHUP; the editor has exited.
    """
    command = editor_command(environ)
    with terminal.handed_over():
        code = _run([*command, str(path)], terminal, child_environment(environ))
    if code:
        raise KaitoError(f"The editor '{command[0]}' {failure_of(code)}{otherwise}", _HINT)


@contextmanager
def _file_with(text: str) -> Iterator[Path]:
    """Yield a file with the text, readable by the user alone."""
    with ExitStack() as stack:
        try:
            # Editors leave backups beside a file: the whole folder is removed.
            folder = stack.enter_context(temporary_folder("kaito-"))
            path = folder / "message.md"
            with owner_only():
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
        except OSError as exc:
            raise KaitoError(f"Cannot write a file for the editor: {exc.strerror}") from None
        yield path


def _version(path: Path) -> tuple[int, ...] | None:
    """Return a value that changes whenever the file is saved; `None` when it does not exist."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def editor_command(environ: Mapping[str, str]) -> list[str]:
    """Return the command of the user's editor.

    Raises:
        KaitoError: VISUAL or EDITOR is not a valid command line.
    """
    windows = sys.platform == "win32"
    for name in ("VISUAL", "EDITOR"):
        if given := environ.get(name, "").strip():
            if windows and Path(given.strip('"')).exists():
                return [given.strip('"')]
            try:
                # On Windows a backslash is part of a path.
                words = shlex.split(given, posix=not windows)
            except ValueError as exc:
                raise KaitoError(f"{name}: '{given}' is not a valid command: {exc}") from None
            return [word.strip('"') for word in words] if windows else words
    return ["notepad" if windows else "vi"]


def _run(command: Sequence[str], terminal: Terminal, environ: Mapping[str, str]) -> int:
    """Run a program on the terminal; return its exit code, negative for a signal."""
    # A stdout that is a file or a pipe is for answers only.
    stdout = None if terminal.out_is_terminal else _fileno(terminal.stderr)
    try:
        with _keyboard_signals_ignored(), subprocess.Popen(command, stdout=stdout, env=environ) as process:
            try:
                with terminal.waiting_for_a_key():
                    return process.wait()
            except BaseException:
                # The editor gets the chance to restore the terminal.
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
    except (OSError, ValueError):  # closed, or not a real file
        return subprocess.DEVNULL


@contextmanager
def _keyboard_signals_ignored() -> Iterator[None]:
    """Ignore the keyboard's signals, which reach the editor and this process."""

    def ignore(number: int, frame: FrameType | None) -> None:
        """Do nothing. Unlike `SIG_IGN` it is not inherited."""

    # Ctrl-Z suspends both, and the shell continues both.
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
