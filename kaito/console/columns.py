"""Lays out tables and lists of fields, so that no line but one with a long URL is longer than the window."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from kaito.console.width import pad, shorten_middle, width
from kaito.console.wrapping import broken
from kaito.types.tables import Cell, Column, Hue, Row
from kaito.util.sanitize import one_line

_UNKNOWN = "-"
#: Blanks between two columns, in a wide and in a narrow window.
_GAPS = (3, 2)
#: Columns by which the lines below a row are indented.
_BELOW_INDENT = 2
#: The fewest columns of a field's value beside its name; if fewer are left, the value is below the name.
_MIN_VALUE = 24


class Page(Struct, frozen=True, kw_only=True):
    """Where a table is shown."""

    #: Returns the columns of the window; `None` for a pipe, a file and `-o wide`, where lines may have any length.
    window: Callable[[], int] | None = None
    #: Returns a text in the colour of a meaning.
    paint: Callable[[str, Hue], str] = lambda text, hue: text


class TextTable:
    """A table with a header. Rows can be added later; columns get narrower only if the window does.

    Args:
        columns: the last may have empty cells; in the others they are `-`.
        indent: columns by which it is indented.
        keeps_all: whether columns that do not fit are below their row. Otherwise they are left out; see :attr:`remark`.

    Attributes:
        hidden: the titles of the columns that did not fit.
        shortened: whether a cell was shortened.
    """

    def __init__(self, columns: Sequence[Column], page: Page, *, indent: int = 0, keeps_all: bool = False) -> None:
        self.hidden: tuple[str, ...] = ()
        self.shortened = False
        self._columns = [one_line(column.title) for column in columns], list(columns)
        self._page = page
        self._indent = " " * indent
        self._keeps_all = keeps_all
        self._widths = [width(title) for title in self._columns[0]]
        self._shown: list[int] | None = None

    @property
    def remark(self) -> str:
        """One line about what does not fit; `""` if everything does."""
        if self.hidden and not self._keeps_all:
            return f"(-o wide also shows {', '.join(self.hidden)})"
        return "(-o wide shows long names in full)" if self.shortened else ""

    def add(self, rows: Iterable[Row | str]) -> str:
        """Return the lines of further rows, after the header if they are the first or the columns have changed.

        Args:
            rows: a text in place of a row is another line of the last column of the row above.
        """
        titles, columns = self._columns
        cleaned = [self._cleaned(row) for row in rows]
        for row in cleaned:
            self._widths = [max(columns, width(cell.text)) for columns, cell in zip(self._widths, row, strict=True)]
        shown, widths, gap = self._layout()
        lines = [] if shown == self._shown else [[Cell(titles[place]) for place in shown]]
        self._shown = shown
        below = [place for place in range(len(columns)) if place not in shown]
        self.hidden = tuple(titles[place] for place in below if not columns[place].below)
        text = "".join(self._line(cells, widths, gap) for cells in lines)
        for row in cleaned:
            if any(row[place].text for place in shown):
                text += self._line([row[place] for place in shown], widths, gap)
            text += self._below([(place, row[place].text) for place in below])
        return text

    def _cleaned(self, row: Row | str) -> list[Cell]:
        last = len(self._columns[1]) - 1
        if isinstance(row, str):
            return [Cell("")] * last + [Cell(one_line(row))]
        cells = [cell if isinstance(cell, Cell) else Cell(cell) for cell in row]
        return [
            Cell(one_line(cell.text) or ("" if place == last else _UNKNOWN), cell.hue)
            for place, cell in enumerate(cells)
        ]

    def _layout(self) -> tuple[list[int], list[int], int]:
        """Return the places of the columns that are shown in rows, their widths, and the blanks between them."""
        columns = self._columns[1]
        if self._page.window is None:
            return list(range(len(columns))), self._widths, _GAPS[0]
        room = max(self._page.window() - len(self._indent), 1)
        shown = [place for place, column in enumerate(columns) if not column.below]
        while True:
            full = [min(self._widths[place], room) for place in shown]
            for gap in _GAPS:
                if sum(full) + gap * (len(full) - 1) <= room:
                    return shown, full, gap
            gap = _GAPS[-1]
            needed = [self._needed(place, whole) for place, whole in zip(shown, full, strict=True)]
            if sum(needed) + gap * (len(needed) - 1) <= room:
                ranks = [columns[place].rank for place in shown]
                return shown, _narrowed(full, needed, ranks, room - gap * (len(full) - 1)), gap
            droppable = [place for place in shown if columns[place].rank]
            if not droppable:
                gap = min(gap, max(room // len(full) - 1, 0))
                least = [1] * len(full)
                return shown, _narrowed(needed, least, least, room - gap * (len(full) - 1)), gap
            shown.remove(max(droppable, key=lambda place: columns[place].rank))

    def _needed(self, place: int, whole: int) -> int:
        title, column = self._columns[0][place], self._columns[1][place]
        return whole if column.least is None else min(whole, max(column.least, width(title)))

    def _line(self, cells: Sequence[Cell], widths: Sequence[int], gap: int) -> str:
        parts = []
        for cell, columns in zip(cells, widths, strict=True):
            text = shorten_middle(cell.text, columns)
            self.shortened = self.shortened or text != cell.text
            padding = pad(text, columns)[len(text) :]
            parts.append((self._page.paint(text, cell.hue) if cell.hue else text) + padding)
        return f"{self._indent}{(' ' * gap).join(parts)}".rstrip() + "\n"

    def _below(self, cells: Sequence[tuple[int, str]]) -> str:
        """Return the lines below a row: reasons, messages, and with `keeps_all` the columns that do not fit."""
        if self._page.window is None:
            return ""
        titles, columns = self._columns
        texts = [text for place, text in cells if columns[place].below and text not in ("", _UNKNOWN)]
        lines = [": ".join(texts)] if texts else []
        if self._keeps_all:
            left = [(columns[place], titles[place].lower(), text) for place, text in cells]
            moved = [(title, text) for column, title, text in left if not (column.below or column.dispensable)]
            lines = [*(f"{title}: {text}" for title, text in moved if text not in ("", _UNKNOWN)), *lines]
        indent = len(self._indent) + _BELOW_INDENT
        room = self._page.window()
        return "".join(f"{part}\n" for line in lines for part in broken(" " * indent + line, room, indent))


def _narrowed(widths: Sequence[int], least: Sequence[int], ranks: Sequence[int], room: int) -> list[int]:
    """Return widths that add up to `room` if possible: less important columns are narrowed first, then the widest."""
    narrowed = list(widths)
    while sum(narrowed) > room:
        wide = [place for place, columns in enumerate(narrowed) if columns > least[place]]
        if not wide:
            break
        narrowed[max(wide, key=lambda place: (ranks[place], narrowed[place]))] -= 1
    return narrowed


def fields(rows: Iterable[tuple[str, str | Cell]], page: Page) -> str:
    """Return `Name:  value` lines; fields without a value are left out. In a narrow window, values stand below names.

    The colour of a cell is that of its first word.
    """
    values = [(name, value if isinstance(value, Cell) else Cell(value)) for name, value in rows]
    shown = [(name, Cell(text, value.hue)) for name, value in values if (text := one_line(value.text))]
    start = max((width(name) for name, _ in shown), default=0) + len(":  ")
    window = page.window() if page.window is not None else None
    lines: list[str] = []
    for name, cell in shown:
        head = pad(f"{name}:", start)
        if window is None or width(head + cell.text) <= window:
            parts = [head + cell.text]
        elif window - start < _MIN_VALUE:
            lines.append(f"{name}:")
            head = " " * _BELOW_INDENT
            parts = broken(head + cell.text, window, len(head))
        else:
            parts = broken(head + cell.text, window, start)
        word = cell.text.partition(" ")[0].removesuffix(":")
        if cell.hue and parts[0].startswith(head + word):
            parts[0] = head + page.paint(word, cell.hue) + parts[0][len(head + word) :]
        lines += parts
    return "".join(f"{line}\n" for line in lines)
