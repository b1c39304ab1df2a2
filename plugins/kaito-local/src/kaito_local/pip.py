"""Runs pip to fetch one wheel: its configuration is the user's, its output nobody's."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

#: Lines of pip's output that are worth showing when it fails.
_SHOWN_LINES = 3
_SHOWN_LENGTH = 300
#: What is remembered of pip's output.
_KEPT = 65536
_ESCAPES = re.compile(r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b\[[0-?]*[ -/]*[@-~]?|\x1b.?")
_CREDENTIALS = re.compile(r"(?<=://)\S*@")
#: What pip says on every run, and a traceback's body.
_CHATTER = re.compile(r"\s|Looking in |Collecting |Downloading |Saved |Traceback |ERROR: Exception:|\[notice\]|$")


class PipError(Exception):
    """pip failed.

    Args:
        reasons: the last lines of its output that tell why, safe to show.
    """

    def __init__(self, reasons: list[str]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons


def command(*arguments: str) -> list[str]:
    """Return the command that runs pip with `arguments`."""
    # -P: a file pip.py in the user's directory is not pip.
    return [sys.executable, "-P", "-m", "pip", *arguments]


async def download(requirement: str, folder: Path) -> None:
    """Put the wheel of `requirement`, without what it depends on, into `folder`. Cancelling it ends pip.

    Raises:
        PipError: pip could not be started or failed.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *command(
                "download",
                "--no-deps",
                "--only-binary=:all:",
                f"--dest={folder}",
                # what it brings is kept by us
                "--no-cache-dir",
                # it has no terminal to ask for a password
                "--no-input",
                "--no-color",
                "--progress-bar=off",
                "--disable-pip-version-check",
                requirement,
            ),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={
                **os.environ,
                # Its unfinished files are counted as progress, and removed with the folder.
                **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder)),
                # Nothing is installed: a user's wish to do that in virtual environments only does not apply.
                "PIP_REQUIRE_VIRTUALENV": "0",
                "PYTHONIOENCODING": "utf-8:replace",
            },
            # The terminal's Ctrl-C goes to all of its foreground group. pip is not in it: we end it, silently.
            start_new_session=True,
        )
    except OSError as error:
        raise PipError([f"{sys.executable}: {error.strerror}"]) from error
    try:
        output = await _tail(process.stdout)
        code = await process.wait()
    except BaseException:
        if process.returncode is None:
            process.kill()
            await process.wait()
        raise
    if code:
        raise PipError(reasons(output) or [f"exit code {code}"])


async def _tail(stream: asyncio.StreamReader | None) -> str:
    kept = b""
    while stream is not None and (data := await stream.read(_KEPT)):
        kept = (kept + data)[-_KEPT:]
    return kept.decode(errors="replace")


def reasons(output: str) -> list[str]:
    """Return the lines of pip's output that tell why it failed, without control sequences and credentials."""
    found: dict[str, None] = {}
    for raw in re.split(r"[\r\n]+", _ESCAPES.sub("", output)):
        if _CHATTER.match(raw):
            continue
        line = "".join(character if character.isprintable() else " " for character in raw)
        line = _CREDENTIALS.sub("***@", line.removeprefix("ERROR: ").removeprefix("WARNING: ")).strip()
        if len(line) > _SHOWN_LENGTH:
            line = line[: _SHOWN_LENGTH - 1] + "…"
        if line:
            found[line] = None
    return list(found)[-_SHOWN_LINES:]
