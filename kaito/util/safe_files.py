"""Reads regular files up to a limit, replaces files as a whole or not at all, and keeps what is private private."""

from __future__ import annotations

import errno
import os
import re
import stat
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kaito.util.file_locks import try_lock
from kaito.util.texts import encoding_of


class UnreadableError(Exception):
    """A file cannot be read as text. The message is the reason, without the file's name."""


class UnsafeFileError(PermissionError):
    """A file or a folder that is not safe from other users. `strerror` is the reason, which names it.

    Attributes:
        in_the_way: whether it is not what is expected at its place, such as a link: moving it away is the only remedy.
    """

    def __init__(self, path: Path, reason: str, *, in_the_way: bool = False) -> None:
        super().__init__(errno.EPERM, f"{path} {reason}", str(path))
        self.in_the_way = in_the_way


#: Whether files have owners and modes; on Windows they have neither.
HAS_OWNERS = hasattr(os, "geteuid")

# Opening a pipe without a writer would block; Windows would translate line ends.
_FLAGS = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def open_regular(path: Path, flags: int) -> int | None:
    """Open a file with `os.open`'s flags; return its descriptor, or `None` for a device, a pipe or similar.

    A file that is created is accessible to its owner at most.

    Raises:
        OSError: it cannot be opened, or is a directory.
    """
    file = os.open(path, flags | _FLAGS, 0o600)
    mode = os.fstat(file).st_mode
    if stat.S_ISREG(mode):
        return file
    os.close(file)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    return None


def read_text(path: Path, limit: int) -> str:
    """Return the text of a regular file in UTF-8, or in the encoding of its byte order mark, without the mark.

    Args:
        limit: the most bytes that it may have.

    Raises:
        UnreadableError: it is not a regular file, is too large, or is not text in its encoding.
    """
    try:
        descriptor = open_regular(path, os.O_RDONLY)
        if descriptor is None:
            raise UnreadableError("it is not a regular file")
        with open(descriptor, "rb") as file:
            content = file.read(limit + 1)
    except (OSError, ValueError) as exc:
        raise UnreadableError(getattr(exc, "strerror", None) or str(exc)) from None
    if len(content) > limit:
        raise UnreadableError(f"it is larger than {limit // 1024} KiB")
    encoding, start = encoding_of(content)
    try:
        return content[start:].decode(encoding)
    except UnicodeDecodeError as exc:
        place = start + exc.start
        name = encoding[:6].rstrip("-").upper()
        raise UnreadableError(f"it is not {name}: byte {place + 1} is 0x{content[place]:02x}") from None


def replace_file(path: Path, content: bytes) -> None:
    """Replace a file, or create it, as a whole or not at all; only its owner can read it.

    A symbolic link is kept, and its target replaced. What earlier attempts left behind, ended by a kill, is removed.

    Raises:
        OSError: it cannot be written.
    """
    target = Path(os.path.realpath(path))
    _sweep(target.parent, f".{target.name}.")
    _replace(target, content)


def private_folder(*folders: Path) -> None:
    """Create folders that only their owner can use, whatever the umask is, and remove what a kill left in the last one.

    Args:
        folders: each contains the next. The first may be a symbolic link, which the user has placed.

    Raises:
        OSError: one cannot be created, can be written by others, or is a symbolic link. The reason names it.
    """
    for number, folder in enumerate(folders):
        make_folders(folder)
        _check_private(folder, folder.stat() if number == 0 else folder.lstat())
    _sweep(folders[-1], ".", "tmp")


def make_folders(folder: Path) -> None:
    """Create a folder, and those above it that are missing, that only their owner can use, whatever the umask is.

    Raises:
        OSError: one cannot be created.
    """
    if folder.is_dir():
        return
    make_folders(folder.parent)
    with owner_only(), suppress(FileExistsError):
        folder.mkdir(0o700)


def open_private(path: Path, flags: int) -> int | None:
    """Open a file of a private folder as :func:`open_regular` does, and no other file through a symbolic link.

    Raises:
        OSError: it cannot be opened, can be written by others, or is a symbolic link. The reason names it.
    """
    try:
        with owner_only():
            file = open_regular(path, flags | getattr(os, "O_NOFOLLOW", 0))
    except OSError as exc:
        if exc.errno != errno.ELOOP:
            raise
        # A link to a device, such as /dev/null, discards what is written.
        file = open_regular(path, os.O_RDONLY)
        if file is None:
            return None
        os.close(file)
        raise UnsafeFileError(path, "is a symbolic link", in_the_way=True) from None
    if file is not None:
        try:
            status = os.fstat(file)
            _check_private(path, status)
            if HAS_OWNERS and status.st_uid == os.geteuid():
                os.fchmod(file, 0o600)
        except BaseException:
            os.close(file)
            raise
    return file


def private_file(path: Path, *, create: bool) -> bool:
    """Prepare a file of a private folder for a library that opens it by its name; return whether it exists.

    A file that exists is not opened: in a process that has it open, closing it again would release SQLite's locks.

    Raises:
        OSError: it is not a regular file, can be written by others, or cannot be created. The reason names it.
    """
    try:
        status = path.lstat()
    except FileNotFoundError:
        if not create:
            return False
        with suppress(FileExistsError), owner_only():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        status = path.lstat()
    _check_private(path, status)
    if not stat.S_ISREG(status.st_mode):
        raise UnsafeFileError(path, "is not a regular file", in_the_way=True)
    if HAS_OWNERS and status.st_uid == os.geteuid() and status.st_mode & 0o077:
        try:
            path.chmod(0o600)
        except OSError as exc:
            if exc.errno != errno.EROFS:  # it can be read there all the same
                raise
    return True


def restore_writing(path: Path, *others: Path) -> None:
    """If the owner can write a file, let the owner also write those beside it that exist.

    A library that made them, as SQLite does, gave them the mode that the file had then.

    Raises:
        OSError: the file does not exist, or a mode cannot be changed.
    """
    if not HAS_OWNERS or not path.stat().st_mode & stat.S_IWUSR:
        return
    for other in others:
        with suppress(FileNotFoundError):
            status = other.lstat()
            if stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & stat.S_IWUSR:
                other.chmod(0o600)


def replace_private(path: Path, content: bytes) -> None:
    """Replace a file of a private folder, or create it, as a whole or not at all.

    Raises:
        OSError: it cannot be written, can be written by others, or is a symbolic link. The reason names it.
    """
    with suppress(FileNotFoundError):
        _check_private(path, path.lstat())
    _replace(path, content)


def check_private(*paths: Path) -> None:
    """Check that only their owner can write the folders of a file that is to be read, and the file.

    Raises:
        OSError: others can write one, or it does not exist. The reason names it.
    """
    for path in paths:
        _check_private(path, path.stat())


@contextmanager
def owner_only() -> Iterator[None]:
    """Create files and folders that only their owner can use, whatever the umask is. The block must be short."""
    # The umask belongs to the process.
    with _umask:
        before = os.umask(0o077)
        try:
            yield
        finally:
            os.umask(before)


_umask = threading.Lock()

#: The end of a temporary file's name.
_SUFFIX = ".kaito-tmp"


def _check_private(path: Path, status: os.stat_result) -> None:
    if stat.S_ISLNK(status.st_mode):
        raise UnsafeFileError(path, "is a symbolic link", in_the_way=True)
    if not HAS_OWNERS:
        return
    if status.st_uid not in (os.geteuid(), 0):
        raise UnsafeFileError(path, "belongs to another user")
    if status.st_mode & 0o022:
        raise UnsafeFileError(path, "can be written by other users; 'chmod go-w' changes that")


def _replace(target: Path, content: bytes) -> None:
    tries = 3
    while True:
        tries -= 1
        try:
            _replace_once(target, content)
        except FileNotFoundError:
            # Another process took the file for a forgotten one, before it was locked.
            if not tries or not target.parent.is_dir():
                raise
        else:
            return


def _replace_once(target: Path, content: bytes) -> None:
    with owner_only():
        handle, name = tempfile.mkstemp(prefix=f".{target.name[:100]}.", suffix=_SUFFIX, dir=target.parent)
    try:
        with open(handle, "wb") as file:
            # Held until the file has its name: it is in use.
            try_lock(handle)
            file.write(content)
            file.flush()
            # Otherwise a power failure may leave an empty file.
            os.fsync(handle)
            if os.name == "posix":
                os.replace(name, target)
        if os.name != "posix":  # Windows renames no open file
            os.replace(name, target)
    finally:
        with suppress(FileNotFoundError):  # it was renamed
            os.unlink(name)


def _sweep(folder: Path, *prefixes: str) -> None:
    """Remove the temporary files that processes left when they were killed. Those in use are locked."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.name.startswith(prefixes)]
    except OSError:
        return
    for name in names:
        if name.endswith(_SUFFIX) or _OLD_TEMPORARY.fullmatch(name):
            with suppress(OSError):
                _remove_unused(folder / name)


def _remove_unused(path: Path) -> None:
    file = os.open(path, os.O_RDONLY | _FLAGS | getattr(os, "O_NOFOLLOW", 0))
    try:
        is_ours = stat.S_ISREG(os.fstat(file).st_mode) and try_lock(file)
    finally:
        os.close(file)
    if is_ours:
        path.unlink()


# The names of `tempfile`, which earlier versions used.
_OLD_TEMPORARY = re.compile("tmp[a-z0-9_]{8}")
