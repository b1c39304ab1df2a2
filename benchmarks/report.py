"""The table of results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal


@dataclass(frozen=True, slots=True)
class Bar:
    """The target for a value."""

    sense: Literal["at most", "at least"]
    limit: float
    unit: str = ""

    def __str__(self) -> str:
        return f"{self.sense} {self.limit:g}{self.unit}"

    def met(self, value: float) -> bool:
        """Return whether the value meets the target."""
        return value <= self.limit if self.sense == "at most" else value >= self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the table."""

    name: str
    ours: str
    theirs: str
    #: What the value is, such as `kaito / alternative`.
    compared: str
    value: float
    bar: Bar


def ratio(
    name: str,
    pairs: Sequence[tuple[float, float]],
    bar: Bar,
    *,
    over: Literal["kaito / alternative", "alternative / kaito"],
    scale: float = 1000.0,
    unit: str = " ms",
) -> Row:
    """Return the row of a ratio: the median of the ratios of the pairs.

    Args:
        name: the name of the row.
        pairs: the measurements of kaito and of the alternative.
        bar: the target for the ratio.
        over: which ratio to compute.
        scale: the factor with which the measurements are shown.
        unit: their unit after scaling.
    """
    ratios = [ours / theirs if over == "kaito / alternative" else theirs / ours for ours, theirs in pairs]
    ours, theirs = (f"{median(side) * scale:,.4g}{unit}" for side in zip(*pairs, strict=True))
    return Row(name=name, ours=ours, theirs=theirs, compared=over, value=median(ratios), bar=bar)


def table(rows: Sequence[Row]) -> str:
    """Return the rows as text in columns."""
    head = ("benchmark", "kaito", "alternative", "value", "", "target", "")
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
