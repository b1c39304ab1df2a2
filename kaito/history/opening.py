"""Opens the history: creates, checks and migrates its SQLite file."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from kaito.errors import KaitoError
from kaito.history.database import (
    BUSY_TIMEOUT,
    SYNCHRONOUS,
    Database,
    Purpose,
    UnwritableError,
    move_hint,
    translated,
)
from kaito.history.history_schema import APPLICATION_ID, VERSION, migrate, prepare_index
from kaito.history.takeover import earlier_files, take_over
from kaito.util.safe_files import private_file, private_folder, restore_writing

if TYPE_CHECKING:
    from sqlite3 import Connection

#: The name of the file in the state folder.
FILE = "history.db"
#: The names of SQLite's log, and of the memory that processes share, end so.
_LOG_ENDS = ("-wal", "-shm")


def open_database(folder: Path, *, create: bool, purpose: Purpose = "keep") -> Database | None:
    """Open the history of a state folder; return `None` if there is none and `create` is false.

    Conversations that earlier versions kept are taken over.

    Raises:
        UnwritableError: the file or its folder cannot be written.
        KaitoError: it cannot be used: others can write it, it is damaged, of a later version, or locked.
    """
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
            hint = move_hint(database.file, "old")
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
