"""Past conversations as a table that fits the window."""

from __future__ import annotations

import time
from collections.abc import Sequence

from kaito.console.width import pad, shorten, width
from kaito.types.conversations import ConversationInfo
from kaito.util.durations import human_duration
from kaito.util.sanitize import one_line

#: Columns that the title needs; where fewer are left, other columns go.
_LEAST_TITLE = 20
#: The most columns of the name of what a conversation was with.
_LONGEST_NAME = 24
_BETWEEN = "   "


def conversation_table(
    conversations: Sequence[ConversationInfo],
    columns: int | None,
    *,
    wide: bool = False,
    numbered: bool = False,
    now: float | None = None,
) -> str:
    """Return a table of conversations.

    Args:
        columns: the most that a line may have: what does not fit is left out or shortened; `None` for no limit.
        wide: with namespace, context and model.
        numbered: whether each line begins with a number, from 1.
        now: seconds since 1970; the present time by default.
    """
    now = time.time() if now is None else now
    heads = [*(["#"] if numbered else []), "ID", "AGE", "TURNS", "WITH"]
    heads += ["NAMESPACE", "CONTEXT", "MODEL"] if wide else []
    rows = [heads]
    for number, info in enumerate(conversations, 1):
        origin = info.origin
        more = [origin.namespace or "-", origin.context or "-", origin.model or "-"] if wide else []
        name = one_line(origin.name)
        rows.append(
            [
                *([str(number)] if numbered else []),
                one_line(info.id),
                human_duration(now - info.updated),
                str(info.turns),
                name if columns is None or wide else shorten(name, _LONGEST_NAME),
                *map(one_line, more),
            ]
        )
    titles = ["TITLE", *(one_line(info.title) for info in conversations)]
    shown = list(range(len(heads)))
    if columns is not None:
        # From the least to the most important.
        for name in ("TURNS", "WITH", "AGE"):
            if _used(rows, shown) + _LEAST_TITLE > columns and not wide:
                shown.remove(heads.index(name))
        left = max(columns - _used(rows, shown), 1)
        titles = [shorten(title, left) for title in titles]
    widths = [max(width(row[place]) for row in rows) for place in range(len(heads))]
    lines = []
    for row, title in zip(rows, titles, strict=True):
        cells = [pad(row[place], widths[place]) for place in shown]
        lines.append(_BETWEEN.join([*cells, title]).rstrip() + "\n")
    return "".join(lines)


def _used(rows: Sequence[Sequence[str]], shown: Sequence[int]) -> int:
    """Return the columns of all cells before the title."""
    return sum(max(width(row[place]) for row in rows) + len(_BETWEEN) for place in shown)
