"""A table's lines as text, and the cells in them."""

from __future__ import annotations

import re

from kaito_rich.events import Alignment, Table

#: Rows after which a table is drawn and goes on as another one, so that nobody waits for ever.
MOST_ROWS = 200
#: Columns with which lines are a table. Each row has them all, also one of a single letter, and each has its cost.
MOST_COLUMNS = 50

_PIPE = re.compile(r"(?<!\\)\|")
_RULE = re.compile(r":?-+:?")


def cells(line: str) -> list[str]:
    r"""Return a row's cells, where `\|` is a letter as any other."""
    line = line.strip().removeprefix("|")
    parts = [part.strip().replace("\\|", "|") for part in _PIPE.split(line)]
    return parts[:-1] if len(parts) > 1 and not parts[-1] else parts


def alignments(header: str, line: str) -> list[Alignment] | None:
    """Return the columns' alignments if the line is one that makes the line above it a table's header, else `None`."""
    rules = cells(line)
    count = max(len(cells(header)), len(rules))
    if count > MOST_COLUMNS or not all(_RULE.fullmatch(rule) for rule in rules):
        return None
    return [_alignment(rule) for rule in rules + ["-"] * (count - len(rules))]


def _alignment(rule: str) -> Alignment:
    if rule[-1] != ":":
        return "left"
    return "center" if rule[0] == ":" and len(rule) > 1 else "right"


class Rows:
    """A table as its lines come."""

    def __init__(self, header: str, columns: list[Alignment]) -> None:
        self._header = cells(header)
        self._alignments = columns
        self._rows: list[tuple[str, ...]] = []

    def add(self, line: str) -> None:
        """Add a row."""
        self._rows.append(self._fitted(cells(line)))

    @property
    def full(self) -> bool:
        """Whether it has as many rows as are drawn at once."""
        return len(self._rows) >= MOST_ROWS

    def take(self) -> Table:
        """Return the table so far; what is added from now on is another one with the same header."""
        rows, self._rows = self._rows, []
        return Table(tuple(self._alignments), self._fitted(self._header), tuple(rows))

    def _fitted(self, row: list[str]) -> tuple[str, ...]:
        """Return the row with a cell for each column. What has none goes into the last: no word is lost."""
        count = len(self._alignments)
        extra = row[count:]
        row = row[:count] + [""] * (count - len(row))
        row[-1] = " | ".join([row[-1], *extra])
        return tuple(row)
