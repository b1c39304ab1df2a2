"""Lays out past conversations as a table."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence

from kaito.types import Column, Row
from kaito.types.conversations import ConversationInfo
from kaito.util.durations import human_duration

_NUMBER = Column(title="#")
_ID = Column(title="ID")
_AGE = Column(title="AGE", rank=1, dispensable=True)
_TURNS = Column(title="TURNS", rank=3)
_WITH = Column(title="WITH", rank=2, least=12, dispensable=True)
_WIDE = (Column(title="NAMESPACE", rank=5), Column(title="CONTEXT", rank=6), Column(title="MODEL", rank=4))
_TITLE = Column(title="TITLE", least=20)
_EXCERPT = Column(title="EXCERPT", below=True)


def conversation_table(
    conversations: Iterable[ConversationInfo],
    excerpts: Mapping[str, str] | None = None,
    *,
    wide: bool = False,
    brief: bool = False,
    numbered: bool = False,
    now: float | None = None,
) -> tuple[Sequence[Column], Sequence[Row]]:
    """Return the columns and the rows of a table of past conversations, for `write_table`.

    Args:
        excerpts: lines of their text by identifier, which are below the rows; `None` for no such column.
        wide: with namespace, context and model.
        brief: without the number of turns.
        numbered: whether each row begins with a number, from 1.
        now: seconds since 1970; the present time by default.
    """
    now = time.time() if now is None else now
    counted = [] if brief else [_TURNS]
    columns = [*([_NUMBER] if numbered else []), _ID, _AGE, *counted, _WITH, *(_WIDE if wide else ()), _TITLE]
    columns += [_EXCERPT] if excerpts is not None else []
    rows = []
    for number, info in enumerate(conversations, 1):
        origin = info.origin
        rows.append(
            [
                *([str(number)] if numbered else []),
                *(info.id, human_duration(now - info.updated)),
                *([] if brief else [str(info.turns)]),
                origin.name,
                *([origin.namespace or "", origin.context or "", origin.model or ""] if wide else []),
                info.title,
                *([excerpts.get(info.id, "")] if excerpts is not None else []),
            ]
        )
    return columns, rows
