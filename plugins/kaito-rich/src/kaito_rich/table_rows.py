"""Parses the lines of a table into cells."""

from __future__ import annotations

import re

from kaito_rich.events import Alignment, Table

#: The maximum number of rows. A longer table is drawn in parts, so that the user does not wait for its end.
MOST_ROWS = 200
#: The maximum number of columns. Lines with more are text, as each row of a table costs as much as its columns.
MOST_COLUMNS = 50

_PIPE = re.compile(r"(?<!\\)\|")
_RULE = re.compile(r":?-+:?")


def cells(line: str) -> list[str]:
    r"""Return the cells of a row. `\|` does not separate cells."""
    line = line.strip().removeprefix("|")
    parts = [part.strip().replace("\\|", "|") for part in _PIPE.split(line)]
    return parts[:-1] if len(parts) > 1 and not parts[-1] else parts


def alignments(header: str, line: str) -> list[Alignment] | None:
    """Return the alignments of the columns if `line` confirms `header` as a table's header, else `None`."""
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
    """The rows of a table, collected line by line."""

    def __init__(self, header: str, columns: list[Alignment]) -> None:
        self._header = cells(header)
        self._alignments = columns
        self._rows: list[tuple[str, ...]] = []

    def add(self, line: str) -> None:
        """Add a row."""
        self._rows.append(self._fitted(cells(line)))

    @property
    def full(self) -> bool:
        """Whether the table has the maximum number of rows."""
        return len(self._rows) >= MOST_ROWS

    def take(self) -> Table:
        """Return the table so far. Later rows become another table with the same header."""
        rows, self._rows = self._rows, []
        return Table(tuple(self._alignments), self._fitted(self._header), tuple(rows))

    def _fitted(self, row: list[str]) -> tuple[str, ...]:
        """Return the row with one cell for each column. The last cell gets the surplus text."""
        count = len(self._alignments)
        extra = row[count:]
        row = row[:count] + [""] * (count - len(row))
        row[-1] = " | ".join([row[-1], *extra])
        return tuple(row)
