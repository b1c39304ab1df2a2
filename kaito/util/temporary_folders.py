"""Temporary folders that only their owner can use, and that do not outlive a killed process for long."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kaito.util.file_locks import try_lock
from kaito.util.safe_files import HAS_OWNERS, owner_only

#: Seconds after which a folder that no process holds is removed: a program that the killed process had started, such as
#: an editor, may still use it.
FORGOTTEN = 3600.0


@contextmanager
def temporary_folder(prefix: str) -> Iterator[Path]:
    """Yield a new folder, and remove it at the end of the block; folders of killed processes are removed, too.

    Args:
        prefix: the beginning of its name, which no other program uses.

    Raises:
        OSError: it cannot be created.
    """
    _sweep(Path(tempfile.gettempdir()), prefix)
    with owner_only():
        folder = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        with _held(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _held(folder: Path) -> Iterator[bool]:
    """Lock a folder, until the end of the block or of the process; yield whether that succeeded."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except OSError:  # Windows does not open folders
        yield False
        return
    try:
        yield try_lock(descriptor)
    finally:
        os.close(descriptor)


def _sweep(parent: Path, prefix: str) -> None:
    if not HAS_OWNERS:
        return
    for folder in parent.glob(f"{prefix}*"):
        with suppress(OSError):
            status = folder.lstat()
            is_ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
            if is_ours and time.time() - status.st_mtime > FORGOTTEN:
                with _held(folder) as free:
                    if free:
                        shutil.rmtree(folder, ignore_errors=True)
