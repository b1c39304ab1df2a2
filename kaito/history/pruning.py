"""Keeps the history within its bounds: removes the oldest conversations, those of `--each` before all others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kaito.history.state_folder import Bounds
from kaito.history.store import free_space, remove_conversations

if TYPE_CHECKING:
    from kaito.history.database import Database

#: The share of the limit to which a file that is too large is reduced: otherwise each turn would remove something.
_FILLED = 0.9


def prune(database: Database, bounds: Bounds, now: float, current: str = "") -> int:
    """Remove conversations until the bounds are met; return how many were removed.

    Args:
        now: seconds since 1970.
        current: the conversation that is never removed.

    Raises:
        KaitoError: the file cannot be written.
    """
    removed = 0
    if bounds.age is not None:
        with database.translated() as connection:
            expired = connection.execute(
                "SELECT id FROM conversation WHERE updated < ? AND id <> ?", (now - bounds.age, current)
            ).fetchall()
        removed += _remove(database, [each for (each,) in expired])
    if _size(database) <= bounds.size:
        return removed
    free_space(database)
    while (excess := _size(database) - int(bounds.size * _FILLED)) > 0:
        chosen = _oldest(database, excess, current)
        if not chosen:
            break
        removed += _remove(database, chosen)
        # The size is exact only after this.
        free_space(database)
    return removed


def _size(database: Database) -> int:
    """Return the bytes that the file would have without its free pages."""
    with database.translated() as connection:
        pages, free, size = (
            int(connection.execute(f"PRAGMA {name}").fetchone()[0])
            for name in ("page_count", "freelist_count", "page_size")
        )
    return (pages - free) * size


def _oldest(database: Database, excess: int, current: str) -> list[str]:
    """Return the conversations to remove so that about `excess` bytes become free."""
    chosen: list[str] = []
    with database.translated() as connection:
        rows = connection.execute(
            # The messages, and about as much for the text that is searched.
            "SELECT id, (SELECT 2 * total(length(messages)) FROM turn WHERE conversation = oldest.id) FROM "
            "(SELECT id FROM conversation WHERE id <> ? ORDER BY source <> 'each', updated) AS oldest",
            (current,),
        )
        for each, size in rows:
            chosen.append(each)
            excess -= int(size)
            if excess <= 0:
                break
    return chosen


def _remove(database: Database, ids: list[str]) -> int:
    if ids:
        with database.writing():
            remove_conversations(database, ids)
    return len(ids)
