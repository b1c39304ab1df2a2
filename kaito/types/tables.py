"""Tables that people read: columns, and cells whose colour has a meaning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

#: The meaning of a cell's colour: green, red and yellow; `""` for no colour.
Hue = Literal["", "good", "bad", "unsure"]


class Cell(Struct, frozen=True):
    """A text whose colour has a meaning."""

    text: str
    hue: Hue = ""


class Column(Struct, frozen=True, kw_only=True):
    """A column of a table.

    At a terminal, a table is never wider than the window: long cells are shortened in the middle, then columns are left
    out. With `-o wide`, in a pipe and in a file, each row is one line with all columns.
    """

    #: In capitals, such as `NAME`.
    title: str
    #: The order in which columns are left out: the highest number first; 0 is never left out.
    rank: int = 0
    #: The width to which its cells are shortened before another column is left out, in columns of the screen; `None`
    #: to keep their whole width.
    least: int | None = None
    #: Whether, at a terminal, its texts are on lines of their own below the row, as reasons and messages are.
    below: bool = False
    #: Whether it is left out where other columns that do not fit are shown below the row.
    dispensable: bool = False


#: The cells of a row, one for each column.
Row = Sequence[str] | Sequence[str | Cell]


def readiness(ready: bool | None, *, waiting: bool = False) -> Cell:
    """Return the cell that says whether something is ready.

    Args:
        ready: `None` when it is not known.
        waiting: whether what is not ready may become ready by itself.
    """
    if ready is None:
        return Cell("unknown", "unsure")
    return Cell("yes", "good") if ready else Cell("no", "unsure" if waiting else "bad")
