"""Opens the SQLite file of the history: checks it, migrates it, and translates SQLite's errors."""

from __future__ import annotations

import errno
import os
import shlex
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from kaito.errors import KaitoError
from kaito.history.history_schema import APPLICATION_ID, VERSION, migrate, prepare_index
from kaito.util.safe_files import UnsafeFileError, private_file, private_folder, restore_writing

if TYPE_CHECKING:
    from sqlite3 import Connection

#: The name of the file in the state folder.
FILE = "history.db"
#: Seconds to wait for another process that writes.
BUSY_TIMEOUT = 5.0
#: A process that is killed loses nothing with it; only a power failure loses the last transactions.
SYNCHRONOUS = "NORMAL"

#: What the file is opened for, as messages name it: "Cannot keep conversations".
Purpose = Literal["keep", "read", "delete"]

#: The names of SQLite's log, and of the memory that processes share, end so.
_LOG_ENDS = ("-wal", "-shm")
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
        hints = [_move_hint(file, "old")] if exc.in_the_way else []
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


def _move_hint(file: Path, suffix: str) -> str:
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
    return KaitoError(f"The history of conversations is damaged: {file}", _move_hint(file, "damaged"))


def open_database(folder: Path, *, create: bool, purpose: Purpose = "keep") -> Database | None:
    """Open the history of a state folder; return `None` if there is none and `create` is false.

    Conversations that earlier versions kept are taken over.

    Raises:
        UnwritableError: the file or its folder cannot be written.
        KaitoError: it cannot be used: others can write it, it is damaged, of a later version, or locked.
    """
    from kaito.history.takeover import earlier_files, take_over

    file = folder / FILE
    with translated(file, purpose):
        if not folder.is_dir() and not create:
            return None
        private_folder(folder)
        create = create or bool(earlier_files(folder))
        if not private_file(file, create=create):
            return None
        restore_writing(file, *(file.with_name(f"{file.name}{end}") for end in _LOG_ENDS))
        database = Database(file, _connect(file), purpose)
    try:
        _prepare(database)
        take_over(database, folder)
    except BaseException:
        database.close()
        raise
    return database


def open_to_read(folder: Path) -> Database | None:
    """Open the history of a state folder, also on a full disk and where nothing can be written.

    Raises:
        KaitoError: as :func:`open_database`.
    """
    try:
        return open_database(folder, create=False, purpose="read")
    except UnwritableError as exc:
        return _open_unwritable(folder, exc)


def _open_unwritable(folder: Path, error: UnwritableError) -> Database | None:
    """Open the history without writing anything; return `None` if it is empty.

    Raises:
        UnwritableError: this is `error`: it is not possible, or would show an old state.
        KaitoError: the file cannot be used.
    """
    file = folder / FILE
    with translated(file, "read"):
        private_folder(folder)
        if not private_file(file, create=False):
            raise error
    # If another process has it open, the first mode works: SQLite finds the log and the shared memory of that process.
    for mode in ("mode=ro", "mode=ro&immutable=1"):
        if "immutable" in mode and _has_log(file):
            break
        database = None
        try:
            with translated(file, "read"):
                database = Database(file, _connect(file, mode), "read")
            version = _check(database)
            if version == VERSION:
                return database
            if version == 0:
                # The disk was full before it had a table.
                database.close()
                return None
        except UnwritableError:
            pass
        except BaseException:
            if database is not None:
                database.close()
            raise
        if database is not None:
            database.close()
    raise error


def _has_log(file: Path) -> bool:
    """Return whether the write-ahead log has changes that the file does not have."""
    with suppress(OSError):
        return file.with_name(f"{file.name}-wal").stat().st_size > 0
    return False


def _connect(file: Path, mode: str = "mode=rw") -> Connection:
    import sqlite3

    connection = sqlite3.connect(
        f"file:{quote(os.fsencode(file))}?{mode}", uri=True, timeout=BUSY_TIMEOUT, isolation_level=None
    )
    try:
        # A schema that someone else has written into the file must not call functions.
        connection.execute("PRAGMA trusted_schema = OFF")
        # Deleted text is overwritten.
        connection.execute("PRAGMA secure_delete = ON")
        # In KiB, as it is negative. A chat may last for days, and writes to the last pages only.
        connection.execute("PRAGMA cache_size = -512")
        connection.execute(f"PRAGMA synchronous = {SYNCHRONOUS}")
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(database: Database) -> None:
    """Check the file, and bring it to this version."""
    connection = database.connection
    version = _check(database)
    if database.indexed:
        return
    if version == 0:
        with database.translated():
            # It can be set for an empty file only. WAL needs the file without other users.
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            _use_wal(connection)
    with database.writing():
        # Another process may have done it meanwhile.
        if (current := _number(connection, "user_version")) < VERSION:
            migrate(connection, current)
        database.indexed = prepare_index(connection)


def _check(database: Database) -> int:
    """Return the version of the file, which may be an earlier one or that of an empty file, 0.

    Raises:
        KaitoError: it is of a later version, or another program's.
    """
    connection = database.connection
    with database.translated():
        version, application, has_tables = _head(connection)
        if version == VERSION and application == APPLICATION_ID:
            database.indexed = _has_index(connection)
        elif version > VERSION and application == APPLICATION_ID:
            raise KaitoError(
                f"The history of conversations was written by a later version of kaito: {database.file}",
                "Update kaito; until then, conversations are not kept",
            )
        elif application != APPLICATION_ID and (version or application or has_tables):
            hint = _move_hint(database.file, "old")
            raise KaitoError(f"This is not a history of conversations: {database.file}", hint)
    return version


def _use_wal(connection: Connection) -> None:
    """Switch to a write-ahead log, so that readers and a writer can work at the same time."""
    import sqlite3

    deadline = time.monotonic() + BUSY_TIMEOUT
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as exc:
            # SQLite does not wait for this lock: two shells may create the file at once.
            if getattr(exc, "sqlite_errorname", "") != "SQLITE_BUSY" or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _has_index(connection: Connection) -> bool:
    """Return whether the index can be used as it is."""
    import sqlite3

    try:
        connection.execute("SELECT rowid FROM search LIMIT 0")
        return bool(connection.execute("SELECT stale FROM search_state").fetchone() == (0,))
    except sqlite3.OperationalError as exc:
        if str(exc).startswith("no such"):
            return False
        raise


def _head(connection: Connection) -> tuple[int, int, bool]:
    """Return the version, the application, and whether there are tables, in one transaction.

    Another process may be creating the file: half of what it writes would look like a file of another program.
    """
    connection.execute("BEGIN")
    try:
        version, application = _number(connection, "user_version"), _number(connection, "application_id")
        return version, application, connection.execute("SELECT 1 FROM sqlite_master").fetchone() is not None
    finally:
        # An error may have ended the transaction.
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _number(connection: Connection, pragma: str) -> int:
    return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])
