"""Opens the history's file: private, checked, at this version, and with every failure as one error."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from kaito.errors import KaitoError
from kaito.history.history_schema import APPLICATION_ID, VERSION, migrate, prepare_index
from kaito.util.safe_files import private_file, private_folder

if TYPE_CHECKING:
    from sqlite3 import Connection

#: The name of the file in the state folder.
FILE = "history.db"
#: Seconds to wait for another process that writes.
BUSY_TIMEOUT = 5.0
#: A process that is killed loses nothing with it; only a power failure loses the last transactions.
SYNCHRONOUS = "NORMAL"

_OFF_HINT = "KAITO_HISTORY=off keeps nothing"


class Database:
    """An open file. Use it in one thread, and as a context manager or with :meth:`close`.

    Attributes:
        indexed: whether this SQLite has FTS5.
    """

    def __init__(self, file: Path, connection: Connection) -> None:
        self.file = file
        self.connection = connection
        self.indexed = False

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
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
        with translated(self.file):
            yield self.connection


@contextmanager
def translated(file: Path) -> Iterator[None]:
    """Turn the errors of SQLite and of the file system in the block into ours.

    Raises:
        KaitoError: there was one.
    """
    import sqlite3

    try:
        yield
    except OSError as exc:
        raise KaitoError(f"Cannot keep conversations in {file}: {exc.strerror or exc}", _OFF_HINT) from None
    except sqlite3.Error as exc:
        raise _error(file, exc) from None
    except sqlite3.Warning as exc:
        raise KaitoError(f"Cannot use the conversations in {file}: {exc}", _OFF_HINT) from None


def _error(file: Path, exc: Exception) -> KaitoError:
    name = getattr(exc, "sqlite_errorname", "")
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_FORMAT")):
        return damaged(file)
    if name.startswith("SQLITE_FULL"):
        reason = "the disk is full"
    elif name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        reason = f"another process has locked it for more than {BUSY_TIMEOUT:g} s"
    elif name.startswith("SQLITE_READONLY") or name == "SQLITE_CANTOPEN":
        reason = "the folder or the file cannot be written"
    else:
        reason = str(exc)
    return KaitoError(f"Cannot keep conversations in {file}: {reason}", _OFF_HINT)


def damaged(file: Path) -> KaitoError:
    """Return the error for a file that is damaged; it is never changed."""
    move = f"mv {shlex.quote(str(file))} {shlex.quote(f'{file}.damaged')}"
    return KaitoError(f"The history of conversations is damaged: {file}", f"To begin a new one: {move}")


def open_database(folder: Path, *, create: bool) -> Database | None:
    """Open the history of a state folder; return `None` when there is none and none is to be created.

    Conversations that earlier versions kept are taken over.

    Raises:
        KaitoError: it cannot be used: others can write it, it is damaged, of a later version, or locked.
    """
    from kaito.history.takeover import earlier_files, take_over

    file = folder / FILE
    with translated(file):
        if not folder.is_dir() and not create:
            return None
        private_folder(folder)
        create = create or bool(earlier_files(folder))
        if not private_file(file, create=create):
            return None
        database = Database(file, _connect(file))
    try:
        _prepare(database)
        take_over(database, folder)
    except BaseException:
        database.close()
        raise
    return database


def _connect(file: Path) -> Connection:
    import sqlite3

    connection = sqlite3.connect(
        f"file:{quote(os.fsencode(file))}?mode=rw", uri=True, timeout=BUSY_TIMEOUT, isolation_level=None
    )
    # What others have put into the file runs no functions.
    connection.execute("PRAGMA trusted_schema = OFF")
    # Deleted text is overwritten.
    connection.execute("PRAGMA secure_delete = ON")
    # KiB, negative. A chat may last for days, and needs its last page only.
    connection.execute("PRAGMA cache_size = -512")
    connection.execute(f"PRAGMA synchronous = {SYNCHRONOUS}")
    return connection


def _prepare(database: Database) -> None:
    """Check the file, and bring it to this version."""
    connection = database.connection
    with database.translated():
        version, application, has_tables = _head(connection)
        if version == VERSION and application == APPLICATION_ID:
            database.indexed = _has_index(connection)
            if database.indexed:
                return
        elif version > VERSION and application == APPLICATION_ID:
            raise KaitoError(
                f"The history of conversations was written by a later version of kaito: {database.file}",
                "Update kaito; until then, conversations are not kept",
            )
        elif application != APPLICATION_ID and (version or application or has_tables):
            raise KaitoError(f"This is not a history of conversations: {database.file}", "Move the file away")
        if version == 0:
            # Only an empty file can have it; it needs all others to have left the file.
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            _use_wal(connection)
    with database.writing():
        # Another process may have done it meanwhile.
        if (current := _number(connection, "user_version")) < VERSION:
            migrate(connection, current)
        database.indexed = prepare_index(connection)


def _use_wal(connection: Connection) -> None:
    """Let readers and a writer work at the same time, from now on."""
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
    """Return the version, the application, and whether there are tables, all at one time.

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
