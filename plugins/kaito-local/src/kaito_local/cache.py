"""The folder of downloaded models, which all processes of a user share."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING

from kaito.errors import KaitoError
from kaito.toolkit import check_private

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_TEMPORARY = ".download-"


def folder(environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> Path:
    """Return the folder, by the XDG rules (on macOS too). It may not exist yet.

    Raises:
        KaitoError: the environment defines no such folder.
    """
    names = ["LOCALAPPDATA", "XDG_CACHE_HOME"] if platform == "win32" else ["XDG_CACHE_HOME"]
    for name in names:
        # A relative path would depend on the current folder; the XDG rules say to ignore it.
        if (value := environment.get(name)) and os.path.isabs(value):
            return Path(value, "kaito", "models")
    home = os.path.expanduser("~")
    if not os.path.isabs(home):
        raise KaitoError(
            "No folder for the model: HOME is not an absolute path", "Set XDG_CACHE_HOME to a writable folder"
        )
    return Path(home, ".cache", "kaito", "models")


@contextlib.contextmanager
def exclusive(models: Path) -> Iterator[bool]:
    """Try to lock `models` for writing, without waiting; yield whether that succeeded.

    The system releases the lock when the process ends.
    """
    with _open_private(models / ".lock", os.O_RDWR | os.O_CREAT, "r+b") as file:
        yield _lock(file)


@contextlib.contextmanager
def scratch(models: Path) -> Iterator[Path]:
    """Create a temporary folder inside `models`, from which a file can be moved into place atomically.

    Call this within `exclusive`: it removes the temporary folders that earlier downloads left behind.
    """
    for leftover in models.glob(f"{_TEMPORARY}*"):
        shutil.rmtree(leftover, ignore_errors=True)
    path = tempfile.mkdtemp(prefix=_TEMPORARY, dir=models)
    os.chmod(path, 0o700)
    try:
        yield Path(path)
    finally:
        shutil.rmtree(path, ignore_errors=True)


def is_private(file: Path) -> bool:
    """Return whether a file belongs to this user or to root, and only its owner can write or replace it."""
    try:
        check_private(file, file.parent, file.resolve().parent)
    except OSError:
        return False
    return True


def create(path: Path) -> IO[bytes]:
    """Create a file that only its owner can read, whatever the umask is, and open it for writing."""
    return _open_private(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, "wb")


def _open_private(path: Path, flags: int, mode: str) -> IO[bytes]:
    descriptor = os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0), 0o600)
    if sys.platform != "win32" and os.fstat(descriptor).st_uid == os.geteuid():
        os.fchmod(descriptor, 0o600)
    return os.fdopen(descriptor, mode)


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes]) -> bool:
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _lock(file: IO[bytes]) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            # The file system has no locks. Two downloads at once do no harm.
            return True
        return True
