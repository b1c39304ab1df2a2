"""Past conversations as a table."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from kaito.types import Column, Row
from kaito.types.conversations import ConversationInfo
from kaito.util.durations import human_duration

_NUMBER = Column(title="#")
_COLUMNS = (
    Column(title="ID"),
    Column(title="AGE", rank=1),
    Column(title="TURNS", rank=3),
    Column(title="WITH", rank=2, least=12),
)
_WIDE = (Column(title="NAMESPACE", rank=5), Column(title="CONTEXT", rank=6), Column(title="MODEL", rank=4))
_TITLE = Column(title="TITLE", least=20)


def conversation_table(
    conversations: Iterable[ConversationInfo], *, wide: bool = False, numbered: bool = False, now: float | None = None
) -> tuple[Sequence[Column], Sequence[Row]]:
    """Return the columns and the rows of a table of past conversations, for `write_table`.

    Args:
        wide: with namespace, context and model.
        numbered: whether each row begins with a number, from 1.
        now: seconds since 1970; the present time by default.
    """
    now = time.time() if now is None else now
    columns = [*([_NUMBER] if numbered else []), *_COLUMNS, *(_WIDE if wide else ()), _TITLE]
    rows = []
    for number, info in enumerate(conversations, 1):
        origin = info.origin
        rows.append(
            [
                *([str(number)] if numbered else []),
                *(info.id, human_duration(now - info.updated), str(info.turns), origin.name),
                *([origin.namespace or "", origin.context or "", origin.model or ""] if wide else []),
                info.title,
            ]
        )
    return columns, rows
