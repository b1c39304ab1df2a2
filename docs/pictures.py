"""Draws a terminal's screen as an SVG: the pictures of the README and the guide.

A picture is a dark window, so that it can be read on a light and on a dark page. Its text is text: it can be selected,
searched, and read aloud.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import groupby
from typing import Any, NamedTuple

from kaito.testing.screen import Screen
from kaito.toolkit import width

#: The folder of the pictures.
FOLDER = "images"

# Pixels. A cell's width is that of common monospaced fonts at this size; `textLength` makes any font fit.
_SIZE, _CELL, _LINE, _MARGIN, _BAR = 14, 8.4, 19, 16, 34
_FONTS = "ui-monospace, SF Mono, Menlo, Consolas, DejaVu Sans Mono, monospace"
_BACKGROUND, _TEXT, _FAINT = "#16191f", "#d7dce4", "#8b93a1"
#: The sixteen colours, by the names that pyte gives them; each can be read on the background.
_COLOURS = {
    "default": _TEXT,
    "black": "#5c6370",
    "red": "#f0717b",
    "green": "#8ccf7e",
    "brown": "#e5c76b",
    "blue": "#71aef2",
    "magenta": "#c990ee",
    "cyan": "#5fc9d6",
    "white": "#d7dce4",
    "brightblack": "#8b93a1",
    "brightred": "#ff8f98",
    "brightgreen": "#a8e69b",
    "brightbrown": "#f5dc8c",
    "brightblue": "#94c5ff",
    "brightmagenta": "#dcb0fa",
    "brightcyan": "#86e1ec",
    "brightwhite": "#ffffff",
}


class Style(NamedTuple):
    """How a cell is drawn; the colours are CSS colours, and an empty background is the window's."""

    colour: str = _TEXT
    background: str = ""
    bold: bool = False
    italic: bool = False
    underlined: bool = False
    struck: bool = False


class Cell(NamedTuple):
    """One character of the screen: its text, with joiners, and its style. It takes one or two columns."""

    text: str
    style: Style


class StyledScreen(Screen):
    """A screen that knows which text is faint, which pyte does not: the colour's name then begins with `faint `."""

    def select_graphic_rendition(self, *attributes: int, private: bool = False) -> None:
        """Set colours."""
        super().select_graphic_rendition(*attributes, private=private)
        if private:
            return
        rest = list(attributes or (0,))
        while rest:
            attribute = rest.pop(0)
            if attribute in (38, 48):  # a colour of 256, or of all
                del rest[: 2 if rest[:1] == [5] else 4]
            elif attribute == 2:
                self._set_faint(True)
            elif attribute in (0, 22):
                self._set_faint(False)

    def rows(self) -> list[list[Cell]]:
        """Return the lines that have scrolled off and the visible ones, without empty lines at the end."""
        lines = [*self.history.top, *(self.buffer[row] for row in range(self.lines))]
        rows = [
            [Cell(line[column].data, _style(line[column])) for column in range(self.columns) if line[column].data]
            for line in lines
        ]
        for row in rows:
            while row and row[-1].text == " " and not row[-1].style.background:
                row.pop()
        while rows and not rows[-1]:
            rows.pop()
        return rows

    def _set_faint(self, faint: bool) -> None:
        colour = self.cursor.attrs.fg.removeprefix("faint ")
        self.cursor.attrs = self.cursor.attrs._replace(fg=f"faint {colour}" if faint else colour)


def read_rows(raw: bytes, columns: int, lines: int, replacing: Mapping[str, str] | None = None) -> list[list[Cell]]:
    """Return the rows of a session's screen.

    Args:
        raw: everything that was written to the terminal.
        columns: the terminal's columns.
        lines: its lines.
        replacing: patterns, and the texts that stand for what they match: what differs from run to run, such as a port.
    """
    screen = StyledScreen(columns, lines)
    screen.feed(raw)
    rows = screen.rows()
    for pattern, text in (replacing or {}).items():
        rows = [_replaced(row, pattern, text) for row in rows]
    return rows


def draw(rows: Sequence[Sequence[Cell]], columns: int, title: str) -> str:
    """Return a picture of some rows, always the same for the same rows.

    Args:
        rows: what :func:`read_rows` returns, or a part of it.
        columns: the width of the window.
        title: the text for people who do not see the picture, which is the window's title, too.
    """
    wide, high = round(columns * _CELL + 2 * _MARGIN), len(rows) * _LINE + _BAR + _MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" '
        f'width="{wide}" height="{high}" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{wide}" height="{high}" rx="8" fill="{_BACKGROUND}" stroke="#3a404b"/>',
        *(f'<circle cx="{20 + 18 * place}" cy="17" r="5" fill="#3a404b"/>' for place in range(3)),
        f'<text x="{wide / 2:g}" y="21" text-anchor="middle" font-family="sans-serif" font-size="12" '
        f'fill="{_FAINT}">{escape(title)}</text>',
        f'<g font-family="{_FONTS}" font-size="{_SIZE}" fill="{_TEXT}">',
    ]
    for place, row in enumerate(rows):
        parts += _draw_row(row, _BAR + place * _LINE)
    return "\n".join([*parts, "</g>", "</svg>", ""])


def _draw_row(row: Sequence[Cell], top: float) -> Iterator[str]:
    column = 0
    for style, cells in groupby(row, lambda cell: cell.style):
        text = "".join(cell.text for cell in cells)
        if style.background:
            yield (
                f'<rect x="{_x(column)}" y="{top:g}" width="{width(text) * _CELL:.4g}" height="{_LINE}" '
                f'fill="{style.background}"/>'
            )
        for part in _parts(text):
            cells_wide = width(part)
            if part.strip():
                yield (
                    f'<text x="{_x(column)}" y="{top + 14:g}" textLength="{cells_wide * _CELL:.4g}"'
                    f"{_attributes(style)}>{escape(part, quote=False)}</text>"
                )
            column += cells_wide


def _parts(text: str) -> Iterator[str]:
    """Divide a text at wide characters and at blanks that XML may drop, so that each part has its column."""
    for is_wide, characters in groupby(_characters(text), lambda each: width(each) > 1):
        if is_wide:
            yield from characters
        else:
            yield from filter(None, re.split(r"(^ +| +$| {2,})", "".join(characters)))


def _characters(text: str) -> list[str]:
    return re.findall(r".[\u200d\ufe0e\ufe0f]*", text)


def _x(column: int) -> str:
    return f"{_MARGIN + column * _CELL:.6g}"


def _attributes(style: Style) -> str:
    values = {
        "fill": style.colour if style.colour != _TEXT else "",
        "font-weight": "bold" if style.bold else "",
        "font-style": "italic" if style.italic else "",
        "text-decoration": " ".join(["underline"] * style.underlined + ["line-through"] * style.struck),
    }
    return "".join(f' {name}="{value}"' for name, value in values.items() if value)


def _style(char: Any) -> Style:
    """Return the style of a character of pyte."""
    name = char.fg.removeprefix("faint ")
    faint = name != char.fg
    colour, background = _colour(name), _colour(char.bg, "")
    if char.reverse:
        colour, background = background or _BACKGROUND, colour
    if faint:
        colour = _FAINT if colour == _TEXT else _mixed(colour)
    return Style(colour, background, char.bold, char.italics, char.underscore, char.strikethrough)


def _colour(name: str, default: str = _TEXT) -> str:
    if name == "default":
        return default
    return _COLOURS.get(name) or f"#{name}"


def _mixed(colour: str) -> str:
    """Return a colour between this one and the background."""
    pairs = zip(bytes.fromhex(colour[1:]), bytes.fromhex(_BACKGROUND[1:]), strict=True)
    return "#" + bytes(round(0.65 * one + 0.35 * other) for one, other in pairs).hex()


def _replaced(row: list[Cell], pattern: str, text: str) -> list[Cell]:
    """Return a row in which a text stands for what a pattern matches, in the style of its first character."""
    whole = "".join(cell.text for cell in row)
    places = [place for place, cell in enumerate(row) for _ in cell.text]
    result, end = [], 0
    for match in re.finditer(pattern, whole):
        first, last = places[match.start()], places[match.end() - 1]
        result += [*row[end:first], *(Cell(each, row[first].style) for each in match.expand(text))]
        end = last + 1
    return [*result, *row[end:]]
