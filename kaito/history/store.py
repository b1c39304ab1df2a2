"""Adds, changes and removes conversations, within a transaction that is open."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from kaito.errors import KaitoError
from kaito.history.records import COLUMNS, Record, columns_of, encode_turn, searchable
from kaito.types import Message
from kaito.util import limits

if TYPE_CHECKING:
    from sqlite3 import Connection

    from kaito.history.database import Database

#: The messages of one turn.
TurnMessages = Sequence[Message]
#: Rows of one statement: SQLite before 3.32 takes 999 values, and a conversation has 20 of them.
_ROWS = 40


class TurnTooLongError(KaitoError):
    """A turn is too large to be kept."""


class Additions:
    """The rows that a transaction adds, collected until :meth:`write`.

    Few statements write them: each one releases the GIL, and getting it back costs more than the statement.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._conversations: list[Sequence[object]] = []
        self._turns: list[Sequence[object]] = []

    def add_conversation(self, record: Record) -> None:
        """Add a conversation; its turns follow."""
        self._conversations.append(columns_of(record))

    def add_turns(self, conversation: str, first: int, turns: Iterable[TurnMessages]) -> None:
        """Add turns to a conversation, the first with the given number.

        Raises:
            TurnTooLongError: one is too large.
        """
        for number, turn in enumerate(turns, first):
            messages = encode_turn(turn)
            if len(messages) > limits.CONVERSATION:
                raise TurnTooLongError("The last turn is too long to be kept")
            self._turns.append((conversation, number, messages, searchable(turn)))

    def write(self) -> None:
        """Write the rows that were added since the last call."""
        connection = self._database.connection
        for rows in _chunks(self._conversations):
            _insert(connection, f"conversation ({COLUMNS})", rows)
        for rows in _chunks(self._turns):
            last = _insert(connection, "turn (conversation, number, messages, text)", rows)
            if self._database.indexed:
                connection.execute(
                    "INSERT INTO search (rowid, text) SELECT id, text FROM turn WHERE id > ? AND id <= ?",
                    (last - len(rows), last),
                )
        if self._turns and not self._database.indexed:
            _note_stale(self._database)
        self._conversations.clear()
        self._turns.clear()


def _chunks(rows: Sequence[Sequence[object]]) -> Iterator[Sequence[Sequence[object]]]:
    return (rows[first : first + _ROWS] for first in range(0, len(rows), _ROWS))


def _insert(connection: Connection, columns: str, rows: Sequence[Sequence[object]]) -> int:
    """Insert rows with one statement; return the row id of the last one. The ids are consecutive."""
    row = f"({', '.join('?' * len(rows[0]))})"
    values = [value for row in rows for value in row]
    cursor = connection.execute(f"INSERT INTO {columns} VALUES {', '.join([row] * len(rows))}", values)
    return cursor.lastrowid or 0


def update_conversation(database: Database, record: Record) -> None:
    """Replace the row of a conversation."""
    names = [name.strip() for name in COLUMNS.split(",")]
    values = dict(zip(names, columns_of(record), strict=True))
    # The other columns never change.
    changed = [name for name in names if name not in ("id", "created", "parent")]
    assignments = ", ".join(f"{name} = ?" for name in changed)
    database.connection.execute(
        f"UPDATE conversation SET {assignments} WHERE id = ?", [*(values[name] for name in changed), values["id"]]
    )


def remove_turns(database: Database, conversation: str, first: int) -> None:
    """Remove the turns of a conversation from a number on."""
    _remove(database, "conversation = ? AND number >= ?", (conversation, first))


def copy_turns(database: Database, source: str, target: str, count: int) -> int:
    """Copy the first turns of a conversation to another one; return how many there were."""
    connection = database.connection
    copied = connection.execute(
        "INSERT INTO turn (conversation, number, messages, text) "
        "SELECT ?, number, messages, text FROM turn WHERE conversation = ? AND number < ?",
        (target, source, count),
    )
    if database.indexed:
        connection.execute(
            "INSERT INTO search (rowid, text) SELECT id, text FROM turn WHERE conversation = ?", (target,)
        )
    else:
        _note_stale(database)
    return copied.rowcount


def remove_conversations(database: Database, ids: Iterable[str]) -> None:
    """Remove conversations with their turns."""
    for each in ids:
        _remove(database, "conversation = ?", (each,))
        database.connection.execute("DELETE FROM conversation WHERE id = ?", (each,))


def erase_traces(database: Database) -> None:
    """Erase deleted text from the index and the write-ahead log. Not within a transaction.

    Raises:
        KaitoError: the file cannot be written.
    """
    free_space(database)
    with database.translated() as connection:
        # Another shell that is reading may prevent this; the log is overwritten later.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def free_space(database: Database) -> None:
    """Return the space of removed rows to the file system, also that of the index. Not within a transaction.

    Raises:
        KaitoError: the file cannot be written.
    """
    with database.translated() as connection:
        if database.indexed:
            connection.execute("INSERT INTO search (search) VALUES ('optimize')")
        # `execute` would do the first step only.
        connection.executescript("PRAGMA incremental_vacuum")


def _remove(database: Database, condition: str, values: tuple[object, ...]) -> None:
    connection = database.connection
    if database.indexed:
        connection.execute(
            f"INSERT INTO search (search, rowid, text) SELECT 'delete', id, text FROM turn WHERE {condition}", values
        )
    else:
        _note_stale(database)
    connection.execute(f"DELETE FROM turn WHERE {condition}", values)


def _note_stale(database: Database) -> None:
    database.connection.execute("UPDATE search_state SET stale = 1")
