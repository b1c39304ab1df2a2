"""The history as commands use it: lists, searches, loads, renames and deletes conversations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from msgspec.structs import replace

from kaito.chat.conversation import SavedConversation
from kaito.history.database import Database
from kaito.history.excerpts import find_excerpts
from kaito.history.opening import open_database, open_to_read
from kaito.history.queries import (
    elsewhere,
    find_conversation,
    find_conversations,
    load_conversation,
    newest_of,
    not_found,
)
from kaito.history.store import erase_traces, remove_conversations
from kaito.types.conversations import ConversationInfo, Origin


class Library:
    """The conversations in a state folder. The file is open during each call only, and is never created.

    Reading also works on a full disk, and in a folder that cannot be written. All methods raise a `KaitoError` when the
    file cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, words: str = "", limit: int | None = None) -> list[ConversationInfo]:
        """Return the conversations that contain all words, newest first."""
        with self._open() as database:
            return find_conversations(database, words, limit) if database is not None else []

    def excerpts(self, words: str, ids: Iterable[str]) -> dict[str, str]:
        """Return excerpts of one line with these words, by the identifiers of conversations that :meth:`find` found."""
        with self._open() as database:
            return find_excerpts(database, words, ids) if database is not None else {}

    def info(self, typed: str) -> ConversationInfo:
        """Return the conversation with this identifier, or the only one whose identifier begins so.

        Raises:
            NotFoundError: there is none.
            UsageError: there are several.
        """
        with self._required(typed) as database:
            return find_conversation(database, typed).info

    def load(self, typed: str) -> SavedConversation:
        """Return the conversation that :meth:`info` finds, with its text."""
        with self._required(typed) as database:
            saved = load_conversation(database, find_conversation(database, typed))
            return replace(saved, named=True)

    def newest(self, origin: Origin) -> SavedConversation | None:
        """Return the newest conversation with exactly this target; `None` if there is none."""
        with self._open() as database:
            info = newest_of(database, origin) if database is not None else None
            if database is None or info is None:
                return None
            return load_conversation(database, find_conversation(database, info.id))

    def elsewhere(self, origin: Origin) -> list[ConversationInfo]:
        """Return the newest conversations with targets of the same name."""
        with self._open() as database:
            return elsewhere(database, origin) if database is not None else []

    def delete(self, ids: Sequence[str]) -> None:
        """Delete conversations, and erase the traces of their text in the file."""
        database = open_database(self.folder, create=False, purpose="delete")
        if database is not None:
            with database:
                with database.writing():
                    remove_conversations(database, ids)
                erase_traces(database)

    @contextmanager
    def _open(self) -> Iterator[Database | None]:
        database = open_to_read(self.folder)
        if database is None:
            yield None
            return
        with database:
            yield database

    @contextmanager
    def _required(self, typed: str) -> Iterator[Database]:
        with self._open() as database:
            if database is None:
                raise not_found(typed)
            yield database
