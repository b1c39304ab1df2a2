"""Locks of files that several processes use."""

from __future__ import annotations

import time
from types import ModuleType


def lock_file(file: int, timeout: float) -> bool:
    """Lock a file until it is closed; return whether that succeeded in time, `False` also where there are no locks.

    Args:
        file: a file descriptor.
        timeout: seconds to wait for another process, which may have been suspended.
    """
    deadline = time.monotonic() + timeout
    while (locked := _flock(file)) is False:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return locked is not None


def try_lock(file: int) -> bool:
    """Lock a file until it is closed; return `False` only if another process holds the lock.

    Args:
        file: a file descriptor.
    """
    return _flock(file) is not False


def _flock(file: int) -> bool | None:
    """Return whether a file could be locked; `None` where files have no locks."""
    fcntl = _fcntl()
    if fcntl is None:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # some network file systems
        return None
    return True


def _fcntl() -> ModuleType | None:
    try:
        import fcntl
    except ImportError:  # Windows, which neither replaces nor removes an open file
        return None
    return fcntl
