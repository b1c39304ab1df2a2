"""The folder where models are kept, shared by all processes of a user."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING

from kaito.errors import KaitoError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_TEMPORARY = ".download-"


def folder(environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> Path:
    """Return where models are kept, by the XDG rules (on macOS too); the folder need not exist.

    Raises:
        KaitoError: the environment names no place.
    """
    names = ["LOCALAPPDATA", "XDG_CACHE_HOME"] if platform == "win32" else ["XDG_CACHE_HOME"]
    for name in names:
        # The XDG rules call for ignoring a relative path: it would mean another folder in every directory.
        if (value := environment.get(name)) and os.path.isabs(value):
            return Path(value, "kaito", "models")
    home = os.path.expanduser("~")
    if not os.path.isabs(home):
        raise KaitoError("There is no folder to keep the model in", "Set XDG_CACHE_HOME to one that can be written")
    return Path(home, ".cache", "kaito", "models")


@contextlib.contextmanager
def exclusive(models: Path) -> Iterator[bool]:
    """Try to become the one process that writes to `models`; yields whether that worked. Does not wait.

    The system gives the claim back when the process dies, however it does.
    """
    with open(models / ".lock", "ab") as file:
        yield _claim(file)


@contextlib.contextmanager
def scratch(models: Path) -> Iterator[Path]:
    """Make a temporary folder inside `models`, so that a file moves from it to its place in one step.

    Call it within `exclusive`: what other downloads left behind is then certain to belong to none, and is removed.
    """
    for leftover in models.glob(f"{_TEMPORARY}*"):
        shutil.rmtree(leftover, ignore_errors=True)
    path = tempfile.mkdtemp(prefix=_TEMPORARY, dir=models)
    try:
        yield Path(path)
    finally:
        shutil.rmtree(path, ignore_errors=True)


if sys.platform == "win32":
    import msvcrt

    def _claim(file: IO[bytes]) -> bool:
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _claim(file: IO[bytes]) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            # A file system without locks: better to download than to wait for nobody.
            return True
        return True
