"""Adds, changes and removes conversations, within a transaction that is open."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from kaito.errors import KaitoError
from kaito.history.records import COLUMNS, Record, columns_of, encode_turn, searchable
from kaito.types import Message
from kaito.util import limits

if TYPE_CHECKING:
    from kaito.history.database import Database

#: The messages of one turn.
TurnMessages = Sequence[Message]


class TurnTooLongError(KaitoError):
    """A turn is larger than any that is kept."""


_INSERT = f"INSERT INTO conversation ({COLUMNS}) VALUES ({', '.join('?' * len(COLUMNS.split(',')))})"


def insert_conversation(database: Database, record: Record) -> None:
    """Add a conversation; its turns follow."""
    database.connection.execute(_INSERT, columns_of(record))


def update_conversation(database: Database, record: Record) -> None:
    """Replace what is known of a conversation."""
    names = [name.strip() for name in COLUMNS.split(",")]
    values = dict(zip(names, columns_of(record), strict=True))
    # When it began, and of which other one it is a branch, never change.
    changed = [name for name in names if name not in ("id", "created", "parent")]
    assignments = ", ".join(f"{name} = ?" for name in changed)
    database.connection.execute(
        f"UPDATE conversation SET {assignments} WHERE id = ?", [*(values[name] for name in changed), values["id"]]
    )


def add_turns(database: Database, conversation: str, first: int, turns: Iterable[TurnMessages]) -> None:
    """Add turns to a conversation, the first with the given number.

    Raises:
        TurnTooLongError: one is too large.
    """
    connection = database.connection
    for number, turn in enumerate(turns, first):
        messages, text = encode_turn(turn), searchable(turn)
        if len(messages) > limits.CONVERSATION:
            raise TurnTooLongError("The last turn is too long to be kept")
        cursor = connection.execute(
            "INSERT INTO turn (conversation, number, messages, text) VALUES (?, ?, ?, ?)",
            (conversation, number, messages, text),
        )
        if database.indexed:
            connection.execute("INSERT INTO search (rowid, text) VALUES (?, ?)", (cursor.lastrowid, text))
        else:
            _note_stale(database)


def remove_turns(database: Database, conversation: str, first: int) -> None:
    """Remove the turns of a conversation from a number on."""
    _remove(database, "conversation = ? AND number >= ?", (conversation, first))


def copy_turns(database: Database, source: str, target: str, count: int) -> None:
    """Copy the first turns of a conversation to another one."""
    connection = database.connection
    connection.execute(
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


def remove_conversations(database: Database, ids: Iterable[str]) -> None:
    """Remove conversations with their turns."""
    for each in ids:
        _remove(database, "conversation = ?", (each,))
        database.connection.execute("DELETE FROM conversation WHERE id = ?", (each,))


def erase_traces(database: Database) -> None:
    """Remove what the index and the write-ahead log still have of deleted text. Not within a transaction.

    Raises:
        KaitoError: the file cannot be written.
    """
    free_space(database)
    with database.translated() as connection:
        # Another shell that reads may keep the log; it is overwritten in time.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def free_space(database: Database) -> None:
    """Give back the space of what was removed, in the index too. Not within a transaction.

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
