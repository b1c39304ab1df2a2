"""Excerpts for the results of a search: a piece of a conversation's text around the first word that was found."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from kaito.history.search_words import SearchWord, search_words
from kaito.util.sanitize import one_line

if TYPE_CHECKING:
    from kaito.history.database import Database

#: The most words and the most characters of an excerpt: a word from outside may have millions of characters.
_TOKENS, _LONGEST = 16, 120
#: The most characters before the word that was found.
_BEFORE = 30
_CUT = "…"


def find_excerpts(database: Database, words: str, ids: Iterable[str]) -> dict[str, str]:
    """Return one line of text with words of a search, by the identifiers of conversations.

    A turn with all words is preferred. A conversation that has the words only in its title is left out.

    Raises:
        KaitoError: the history cannot be read.
    """
    searched, missing = search_words(words), dict.fromkeys(ids)
    found: dict[str, str] = {}
    queries = [word.query for word in searched if word.query] if database.indexed else []
    for query in dict.fromkeys(operator.join(queries) for operator in (" AND ", " OR ")):
        if query and (rest := [each for each in missing if each not in found]):
            found.update(_indexed(database, query, searched, rest))
    if searched:
        for each in missing:
            if each not in found and (text := _unindexed(database, each, searched)) is not None:
                found[each] = text
    return found


def _indexed(database: Database, query: str, words: Sequence[SearchWord], ids: Sequence[str]) -> dict[str, str]:
    """Return the excerpts that the index finds with a query."""
    with database.translated() as connection:
        turns = dict(
            connection.execute(
                "SELECT turn.conversation, min(turn.id) FROM search JOIN turn ON turn.id = search.rowid "
                "WHERE search MATCH ? GROUP BY turn.conversation",
                (query,),
            )
        )
        select = (
            f"SELECT snippet(search, 0, '', '', '{_CUT}', {_TOKENS}) FROM search WHERE search MATCH ? AND rowid = ?"
        )
        return {
            each: _around(str(text), words)
            for each in ids
            if each in turns
            for (text,) in connection.execute(select, (query, turns[each]))
        }


def _unindexed(database: Database, id: str, words: Sequence[SearchWord]) -> str | None:
    """Return the excerpt of a conversation without the index; `None` when no turn has a word."""
    conditions = " OR ".join([r"text LIKE ? ESCAPE '\'"] * len(words))
    with database.translated() as connection:
        row = connection.execute(
            f"SELECT text FROM turn WHERE conversation = ? AND ({conditions}) ORDER BY number LIMIT 1",
            (id, *(word.fallback for word in words)),
        ).fetchone()
    return _around(str(row[0]), words) if row is not None else None


def _around(text: str, words: Sequence[SearchWord]) -> str:
    """Return a piece of a text around the first of the words, as one line without control sequences."""
    if len(text) > _LONGEST:
        match = re.search("|".join(re.escape(word.text) for word in words), text, re.IGNORECASE)
        start = max(match.start() - _BEFORE, 0) if match is not None else 0
        end = start + _LONGEST
        text = f"{_CUT if start else ''}{text[start:end]}{_CUT if end < len(text) else ''}"
    return one_line(text).strip()
