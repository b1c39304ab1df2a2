"""Files that a user names: `~` is expanded, and a pipe or a device may be read."""

from __future__ import annotations

import errno
import os
import select
import stat
from io import FileIO
from pathlib import Path

from kaito.util.limits import CONFIG_FILE, shown_size

# Opening a pipe that no program has open to write would block. Windows has no such flag.
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)
# Windows would translate line ends.
_FLAGS = os.O_RDONLY | _NONBLOCK | getattr(os, "O_BINARY", 0)
#: Seconds until a program must have opened a pipe to write: both may have been started at the same time.
_WRITER_WAIT = 1.0


def named_path(name: str) -> Path:
    """Return the path that a user's name of a file means: `~` is expanded.

    Raises:
        OSError: the name begins with `~` and something that is not a user; `strerror` is the reason.
    """
    try:
        return Path(name).expanduser()
    except RuntimeError:
        raise FileNotFoundError(errno.ENOENT, "the home folder is unknown", name) from None
    except ValueError:  # a NUL in the user's name
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), name) from None


def read_bytes(path: str | Path, limit: int = CONFIG_FILE) -> bytes:
    """Return the content of a file. It may be a pipe, as a shell's `<(command)` is, or a device such as `/dev/null`.

    Args:
        limit: the most bytes that it may have.

    Raises:
        OSError: it cannot be read, is larger, or is a pipe that no program opens to write; `strerror` is the reason.
    """
    try:
        descriptor = os.open(path, _FLAGS)
    except ValueError:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL)) from None
    with open(descriptor, "rb", buffering=0) as file:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        content = bytearray(_beginning(file, limit) if _NONBLOCK and stat.S_ISFIFO(mode) else b"")
        if _NONBLOCK and not stat.S_ISREG(mode):
            os.set_blocking(descriptor, True)
        while len(content) <= limit and (data := file.read(limit + 1 - len(content))):
            content += data
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"it is larger than {shown_size(limit)}")
    return bytes(content)


def _beginning(pipe: FileIO, limit: int) -> bytes:
    """Return what has arrived in a pipe; wait until a program has opened it to write."""
    select.select([pipe], [], [], _WRITER_WAIT)
    data = pipe.read(limit + 1)
    # `None`: a program has opened it, and has not written yet. At the end of what it wrote, a pipe is readable.
    if data == b"" and not select.select([pipe], [], [], 0)[0]:
        raise OSError(errno.EPIPE, "no program writes into this pipe")
    return data or b""


def check_readable(path: Path) -> None:
    """Check that a file can be read, without taking anything from a pipe.

    Raises:
        OSError: it cannot be read, or is a folder; `strerror` is the reason.
    """
    try:
        if stat.S_ISFIFO(os.stat(path).st_mode):
            # Its writer would end with this reader.
            if not os.access(path, os.R_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        else:
            with open(path, "rb"):
                pass
    except ValueError:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL)) from None
