"""Renders a complete table."""

from __future__ import annotations

import io
from collections.abc import Iterable
from functools import partial

from rich import box
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from kaito_rich.events import Table
from kaito_rich.inline import BOLD, spans_of
from kaito_rich.theme import FRAME, Theme

#: The minimum width of a cell with that much text. If the screen is too narrow for it, a table is drawn as a list.
_NARROWEST = 6


def table_lines(table: Table, theme: Theme, width: int) -> list[str]:
    """Return the screen rows of a table, at most `width` columns wide."""
    console = Console(
        file=io.StringIO(),
        width=width,
        height=25,
        force_terminal=True,
        force_jupyter=False,
        legacy_windows=False,
        color_system="standard" if theme.colour else None,
        no_color=not theme.colour,
    )
    cell = partial(_cell, theme=theme)
    header = [cell(text, marks=BOLD) for text in table.header]
    rows = [[cell(text) for text in row] for row in table.rows]
    if _least_width(header, rows) > width:
        return list(_lines(_as_list(header, rows, theme, width), console, theme))
    return list(_lines([_as_table(table, header, rows, theme)], console, theme))


def _cell(text: str, *, theme: Theme, marks: int = 0) -> Text:
    cell = Text(overflow="fold")
    spans = spans_of(text.replace("\t", " "), colour=theme.colour, links=theme.links)
    for part, style in theme.with_addresses(theme.spans(spans, marks)):
        cell.append(part, style)
    return cell


def _least_width(header: list[Text], rows: list[list[Text]]) -> int:
    widest = [max(cell_len(cell.plain) for cell in column) for column in zip(header, *rows, strict=True)]
    borders = 3 * len(widest) + 1
    return borders + sum(min(width, _NARROWEST) for width in widest)


def _as_table(table: Table, header: list[Text], rows: list[list[Text]], theme: Theme) -> RichTable:
    drawn = RichTable(
        box=box.SQUARE if theme.unicode else box.ASCII,
        border_style=theme.style(FRAME),
        header_style="",
        show_lines=False,
    )
    for title, alignment in zip(header, table.alignments, strict=True):
        drawn.add_column(title, justify=alignment, overflow="fold")
    for row in rows:
        drawn.add_row(*row)
    return drawn


def _as_list(header: list[Text], rows: list[list[Text]], theme: Theme, width: int) -> Iterable[RenderableType]:
    """Yield each row as lines with a title and a value, between rules."""
    rule = Text(theme.symbols.rule * width, style=theme.style(FRAME) or "")
    yield rule
    for row in rows or [[]]:
        for number, title in enumerate(header):
            value = row[number] if row else Text()
            yield Text.assemble(title, ": " if value else "", value, overflow="fold")
        yield rule


def _lines(drawn: Iterable[RenderableType], console: Console, theme: Theme) -> Iterable[str]:
    for part in drawn:
        for line in console.render_lines(part, pad=False):
            yield "".join(theme.paint(segment.text, segment.style) for segment in line).rstrip()
