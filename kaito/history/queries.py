"""Reads the history: lists and searches conversations, finds one by its identifier, and loads its turns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from kaito.chat.conversation import SavedConversation
from kaito.errors import KaitoError, NotFoundError, ShellHint, UsageError
from kaito.history.database import damaged
from kaito.history.identifiers import typed_id
from kaito.history.records import COLUMNS, Record, decode_record, decode_turn
from kaito.history.search_words import search_words
from kaito.types import Message
from kaito.types.conversations import ConversationInfo, Origin
from kaito.util import limits
from kaito.util.decoding import DecodeError
from kaito.util.program import program_name
from kaito.util.sanitize import one_line

if TYPE_CHECKING:
    from kaito.history.database import Database

#: How a user lists the identifiers of conversations.
_LISTED = ShellHint("/sessions lists them", f"'{program_name()} history' lists them")
#: The most conversations that a message names.
_NAMED = 3


def find_conversations(database: Database, words: str = "", limit: int | None = None) -> list[ConversationInfo]:
    """Return the conversations that contain all words, newest first; without words, all of them.

    Raises:
        KaitoError: the history cannot be read.
    """
    conditions, values = [], []
    for word in search_words(words):
        in_text = "id IN (SELECT conversation FROM turn WHERE {})"
        found: list[str] = []
        if database.indexed and word.query:
            found.append("id IN (SELECT rowid FROM search WHERE search MATCH ?)")
            values.append(word.query)
        pattern = word.pattern if database.indexed else word.fallback
        if pattern:
            found.append(r"text LIKE ? ESCAPE '\'")
            values.append(pattern)
        conditions.append(f"({in_text.format(' AND '.join(found))} OR title LIKE ? ESCAPE '\\')")
        values.append(word.fallback)
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    return [record.info for record in _records(database, where, values, limit)]


def newest_of(database: Database, origin: Origin) -> ConversationInfo | None:
    """Return the newest conversation with exactly this target; `None` if there is none.

    Raises:
        KaitoError: the history cannot be read.
    """
    condition = "WHERE workspace IS ? AND kind = ? AND namespace IS ? AND context IS ? AND server = ?"
    records = _records(database, condition, origin.identity, 1)
    return records[0].info if records else None


def elsewhere(database: Database, origin: Origin) -> list[ConversationInfo]:
    """Return the newest conversations with targets of the same name as this one.

    Raises:
        KaitoError: the history cannot be read.
    """
    name = origin.workspace if origin.workspace is not None else origin.label
    # Without a workspace, only the label counts: "=" is never true of NULL.
    condition = "WHERE workspace = ? OR label = ?"
    return [record.info for record in _records(database, condition, (origin.workspace, name), _NAMED)]


def find_conversation(database: Database, typed: str) -> Record:
    """Return the conversation with this identifier, or the only one whose identifier begins so.

    Raises:
        NotFoundError: there is none.
        UsageError: there are several.
        KaitoError: the history cannot be read.
    """
    start = typed_id(typed)
    if start.isascii() and start.isalnum():
        records = _records(database, "WHERE substr(id, 1, ?) = ?", (len(start), start), None)
        exact = [record for record in records if record.info.id == start]
        if len(exact or records) == 1:
            return (exact or records)[0]
        if records:
            names = ", ".join(f"{one.info.id} ({one_line(one.info.title)})" for one in records[:_NAMED])
            more = ", …" if len(records) > _NAMED else ""
            raise UsageError(f"Several conversations begin with '{start}'", f"They are {names}{more}")
    raise not_found(typed)


def not_found(typed: str) -> NotFoundError:
    """Return the error for an identifier that no conversation has."""
    return NotFoundError(f"There is no conversation '{typed[: limits.SHOWN_NAME]}'", _LISTED)


def load_conversation(database: Database, record: Record) -> SavedConversation:
    """Return a conversation with its turns; a damaged turn is left out.

    Raises:
        KaitoError: the history cannot be read, or no turn of the conversation is readable.
    """
    messages: list[Message] = []
    with database.translated() as connection:
        rows = connection.execute(
            "SELECT messages FROM turn WHERE conversation = ? ORDER BY number", (record.info.id,)
        ).fetchall()
    for (data,) in rows:
        try:
            messages += decode_turn(data)
        except DecodeError:
            continue
    if not messages:
        raise KaitoError(f"No turn of conversation {record.info.id} can be read")
    system = [Message("system", record.system)] if record.system else []
    return SavedConversation(messages=(*system, *messages), cut=record.cut, info=record.info, revision=record.revision)


def _records(database: Database, where: str, values: Iterable[Any], limit: int | None) -> list[Record]:
    """Return the newest records that meet a condition; damaged ones are left out."""
    with database.translated() as connection:
        rows: Sequence[Sequence[Any]] = connection.execute(
            f"SELECT {COLUMNS} FROM conversation {where} ORDER BY updated DESC, rowid DESC LIMIT ?",
            (*values, -1 if limit is None else limit),
        ).fetchall()
    records = []
    for row in rows:
        try:
            records.append(decode_record(row))
        except DecodeError:
            continue
    if rows and not records:
        raise damaged(database.file)
    return records
