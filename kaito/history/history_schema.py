"""The tables of the history, and how a file of an earlier version becomes one of this version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite3 import Connection

#: `PRAGMA application_id` of the file, so that no other database is taken for it: `kait` in ASCII.
APPLICATION_ID = 0x6B616974

_TABLES = (
    """
    CREATE TABLE conversation (
        id TEXT PRIMARY KEY,
        title TEXT NOT NULL,
        created REAL NOT NULL,
        updated REAL NOT NULL,
        source TEXT NOT NULL,
        workspace TEXT, kind TEXT NOT NULL, namespace TEXT, context TEXT, server TEXT NOT NULL,
        label TEXT NOT NULL, endpoint TEXT, backend TEXT, kubeconfig TEXT, model TEXT,
        -- the system prompt
        system TEXT,
        -- whether the last answer can be continued
        cut INTEGER NOT NULL,
        turns INTEGER NOT NULL,
        -- grows with each change: another value than a shell expects is the change of another shell
        revision INTEGER NOT NULL,
        parent TEXT
    )
    """,
    "CREATE INDEX conversation_updated ON conversation (updated)",
    """
    CREATE TABLE turn (
        id INTEGER PRIMARY KEY,
        conversation TEXT NOT NULL,
        number INTEGER NOT NULL,
        -- a JSON list of messages
        messages BLOB NOT NULL,
        -- what a search looks at
        text TEXT NOT NULL,
        UNIQUE (conversation, number)
    )
    """,
    # One row: whether an SQLite without FTS5 has changed turns, so that the index must be rebuilt.
    "CREATE TABLE search_state (stale INTEGER NOT NULL)",
    "INSERT INTO search_state VALUES (0)",
)

#: The index. The text stays in `turn`; each change of its rows is repeated here.
_INDEX = """
    CREATE VIRTUAL TABLE search USING fts5 (
        text, content = 'turn', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 2'
    )
"""

#: The statements that migrate to each version from the one before. A later version appends to them.
_MIGRATIONS: Sequence[Sequence[str]] = (_TABLES,)
#: `PRAGMA user_version` of a file that this version reads and writes.
VERSION = len(_MIGRATIONS)


def migrate(connection: Connection, version: int) -> None:
    """Bring a file to this version, within the transaction that is open.

    Args:
        version: the file's; 0 for an empty one.
    """
    for statements in _MIGRATIONS[version:]:
        for statement in statements:
            connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {VERSION}")


def prepare_index(connection: Connection) -> bool:
    """Create the index if it is missing, and rebuild it if it is stale; return whether this SQLite has FTS5.

    Within the transaction that is open.
    """
    import sqlite3

    exists = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'search'").fetchone() is not None
    try:
        if not exists:
            connection.execute(_INDEX)
        connection.execute("SELECT rowid FROM search LIMIT 0")
    except sqlite3.OperationalError as exc:
        if "no such module" not in str(exc):
            raise
        return False
    if not exists or connection.execute("SELECT stale FROM search_state").fetchone() != (0,):
        connection.execute("INSERT INTO search (search) VALUES ('rebuild')")
        connection.execute("UPDATE search_state SET stale = 0")
    if sqlite3.sqlite_version_info >= (3, 42):
        # Removes deleted words from the index at once, not when it is merged. It is kept in the file.
        connection.execute("INSERT INTO search (search, rank) VALUES ('secure-delete', 1)")
    return True
