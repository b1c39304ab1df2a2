"""Locks of files that several processes append to."""

from __future__ import annotations

import time
from types import ModuleType


def lock_file(file: int, timeout: float) -> bool:
    """Lock a file until it is closed; return whether that succeeded in time.

    Args:
        file: a file descriptor.
        timeout: seconds to wait for another process, which may have been suspended.
    """
    fcntl = _fcntl()
    if fcntl is None:
        return False
    deadline = time.monotonic() + timeout
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        except OSError:  # some network file systems have no locks
            return False
        else:
            return True


def _fcntl() -> ModuleType | None:
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    return fcntl
