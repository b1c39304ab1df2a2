"""The open SQLite file of the history: its transactions, and its errors in our words."""

from __future__ import annotations

import errno
import os
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from kaito.errors import KaitoError
from kaito.util.safe_files import UnsafeFileError

if TYPE_CHECKING:
    from sqlite3 import Connection

#: Seconds to wait for another process that writes.
BUSY_TIMEOUT = 5.0
#: A process that is killed loses nothing with it; only a power failure loses the last transactions.
SYNCHRONOUS = "NORMAL"

#: What the file is opened for, as messages name it: "Cannot keep conversations".
Purpose = Literal["keep", "read", "delete"]

_FULL = "the disk is full"
#: Why a file that may be readable cannot be written.
_UNWRITABLE_ERRNOS = frozenset({errno.EROFS, errno.ENOSPC, errno.EACCES, getattr(errno, "EDQUOT", errno.ENOSPC)})
_UNWRITABLE = ("SQLITE_FULL", "SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_IOERR", "SQLITE_PERM")
#: With less free space, in bytes, a disk counts as full: SQLite needs that much to read a file that others may write.
_LEAST_FREE = 64 * 1024


class UnwritableError(KaitoError):
    """The file or its folder cannot be written; whether it can be read is not known."""


class Database:
    """An open file. Use it in one thread, and as a context manager or with :meth:`close`.

    Attributes:
        indexed: whether this SQLite has FTS5.
    """

    def __init__(self, file: Path, connection: Connection, purpose: Purpose = "keep") -> None:
        self.file = file
        self.connection = connection
        self.purpose: Purpose = purpose
        self.indexed = False
        self._identity = _identity(file)

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def is_in_place(self) -> bool:
        """Whether the file still has its name. What is written to one that was removed or moved away is lost."""
        return _identity(self.file) == self._identity

    def close(self) -> None:
        """Close the file."""
        if not self.is_in_place:
            # SQLite itself leaves the last changes in the log, which does not belong to the file's new name.
            with suppress(Exception):
                self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        with suppress(Exception):
            self.connection.close()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Hold the lock of writers in a transaction, which is committed unless the block raises.

        Raises:
            KaitoError: the file cannot be written.
        """
        with self.translated():
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
                self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:
                    with suppress(Exception):
                        self.connection.execute("ROLLBACK")
                raise

    @contextmanager
    def translated(self) -> Iterator[Connection]:
        """Turn SQLite's errors in the block into ours.

        Raises:
            KaitoError: the file cannot be read or written.
        """
        with translated(self.file, self.purpose):
            yield self.connection


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


@contextmanager
def translated(file: Path, purpose: Purpose = "keep") -> Iterator[None]:
    """Turn the errors of SQLite and of the file system in the block into ours.

    Raises:
        UnwritableError: the file or its folder cannot be written.
        KaitoError: it was another one of these errors.
    """
    import sqlite3

    try:
        yield
    except UnsafeFileError as exc:
        hints = [move_hint(file, "old")] if exc.in_the_way else []
        raise KaitoError(f"Cannot {purpose} conversations: {exc.strerror}", *hints, *_off_hint(purpose)) from None
    except OSError as exc:
        kind = UnwritableError if exc.errno in _UNWRITABLE_ERRNOS else KaitoError
        raise _cannot(kind, purpose, file, exc.strerror or str(exc)) from None
    except sqlite3.Error as exc:
        raise _error(file, exc, purpose) from None
    except sqlite3.Warning as exc:
        raise KaitoError(f"Cannot use the conversations in {file}: {exc}") from None


def _cannot(kind: type[KaitoError], purpose: Purpose, file: Path, reason: str) -> KaitoError:
    is_full = reason in (_FULL, os.strerror(errno.ENOSPC))
    # A chat continues, and has one line for it.
    hints = [f"Free some space for {file.parent}"] if is_full and purpose != "keep" else _off_hint(purpose)
    return kind(f"Cannot {purpose} conversations in {file}: {reason}", *hints)


def _off_hint(purpose: Purpose) -> list[str]:
    return ["KAITO_HISTORY=off keeps nothing"] if purpose == "keep" else []


def move_hint(file: Path, suffix: str) -> str:
    """Return the hint that a file can be moved away, to the name with a suffix."""
    return f"To begin a new one: mv {shlex.quote(str(file))} {shlex.quote(f'{file}.{suffix}')}"


def _error(file: Path, exc: Exception, purpose: Purpose) -> KaitoError:
    name = getattr(exc, "sqlite_errorname", "")
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_FORMAT")):
        return damaged(file)
    if name.startswith("SQLITE_FULL") or (name.startswith("SQLITE_IOERR") and _is_full(file)):
        reason = _FULL
    elif name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        reason = f"another process has locked it for more than {BUSY_TIMEOUT:g} s"
    elif name.startswith("SQLITE_CANTOPEN") and not os.access(file, os.R_OK):
        reason = "the file cannot be read"
    elif name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN")):
        reason = "the folder or the file cannot be written"
    else:
        reason = str(exc)
    return _cannot(UnwritableError if name.startswith(_UNWRITABLE) else KaitoError, purpose, file, reason)


def _is_full(file: Path) -> bool:
    """Return whether the disk is full, which SQLite reports as an I/O error when it maps shared memory."""
    with suppress(OSError):
        return shutil.disk_usage(file.parent).free < _LEAST_FREE
    return False


def damaged(file: Path) -> KaitoError:
    """Return the error for a file that is damaged; it is never changed."""
    return KaitoError(f"The history of conversations is damaged: {file}", move_hint(file, "damaged"))
