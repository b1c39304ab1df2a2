"""Rows of the table, and how one is made of pairs of measurements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal


@dataclass(frozen=True, slots=True)
class Bar:
    """What is asked of a value."""

    sense: Literal["at most", "at least"]
    limit: float
    unit: str = ""

    def __str__(self) -> str:
        return f"{self.sense} {self.limit:g}{self.unit}"

    def met(self, value: float) -> bool:
        """Return whether the value is good enough."""
        return value <= self.limit if self.sense == "at most" else value >= self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table."""

    name: str
    ours: str
    theirs: str
    #: What the bar is for, in words: `ours / theirs` for example.
    compared: str
    value: float
    bar: Bar


def ratio(
    name: str,
    pairs: Sequence[tuple[float, float]],
    bar: Bar,
    *,
    over: Literal["ours / theirs", "theirs / ours"],
    scale: float = 1000.0,
    unit: str = " ms",
) -> Row:
    """Return the row of a ratio: the median of the ratios of the pairs, each of which ran back to back.

    Args:
        name: of the row.
        pairs: ours and theirs.
        bar: for the ratio.
        over: which of the two is divided.
        scale: what the numbers are multiplied by to be shown.
        unit: what they are then.
    """
    ratios = [ours / theirs if over == "ours / theirs" else theirs / ours for ours, theirs in pairs]
    ours, theirs = (f"{median(side) * scale:,.4g}{unit}" for side in zip(*pairs, strict=True))
    return Row(name=name, ours=ours, theirs=theirs, compared=over, value=median(ratios), bar=bar)


def table(rows: Sequence[Row]) -> str:
    """Return the rows in columns."""
    head = ("", "ours", "theirs", "compared", "", "bar", "")
    cells = [head]
    for row in rows:
        verdict = "met" if row.bar.met(row.value) else "missed"
        value = f"{row.value:.2f}{row.bar.unit}"
        cells.append((row.name, row.ours, row.theirs, row.compared, value, str(row.bar), verdict))
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    right = {1, 2, 4}
    return "\n".join(
        "  ".join(
            f"{cell:>{width}}" if column in right else f"{cell:<{width}}"
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    )
