"""Tables that people read: columns, and cells whose colour has a meaning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

#: What the colour of a cell says: green, red and yellow; `""` for none.
Hue = Literal["", "good", "bad", "unsure"]


class Cell(Struct, frozen=True):
    """A text whose colour has a meaning."""

    text: str
    hue: Hue = ""


class Column(Struct, frozen=True, kw_only=True):
    """A column of a table.

    At a terminal, a table is never wider than the window: long cells are shortened in the middle, then columns are left
    out. With `-o wide`, in a pipe and in a file, each row is one line with all columns that the command gives.
    """

    #: In capitals, such as `NAME`.
    title: str
    #: The order in which columns are left out: the highest number first; 0 is never left out.
    rank: int = 0
    #: Columns of the screen that its cells need at least before another column is left out; `None`: their whole width.
    least: int | None = None
    #: Whether its texts stand below the row at a terminal, on lines of their own, as reasons and messages do.
    below: bool = False
    #: Whether it is left out where all others would stand below the row: it says little.
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
