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
    if (fcntl := _fcntl()) is None:
        return False
    deadline = time.monotonic() + timeout
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.01)
        except OSError:  # some network file systems have no locks
            return False
        else:
            return True


def try_lock(file: int) -> bool:
    """Lock a file until it is closed; return whether no other process can be using it.

    That is `False` also on a file system without locks, where nothing is known of other processes.

    Args:
        file: a file descriptor.
    """
    return _fcntl() is None or lock_file(file, 0)


def _fcntl() -> ModuleType | None:
    try:
        import fcntl
    except ImportError:  # Windows, which neither replaces nor removes an open file
        return None
    return fcntl
