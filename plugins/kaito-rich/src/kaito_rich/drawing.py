"""Renders an answer: turns blocks and spans into text for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len

from kaito.types import Screen
from kaito_rich.blocks import Blocks
from kaito_rich.events import (
    Close,
    CodeBegin,
    CodeLine,
    Event,
    HeadingBegin,
    ItemBegin,
    Signal,
    Table,
    Words,
)
from kaito_rich.inline import BACKSLASH, Inline, Span
from kaito_rich.theme import FRAME, HEADINGS, Theme
from kaito_rich.writer import Margin, Writer

if TYPE_CHECKING:
    from kaito_rich.highlighting import Highlighter

_TAB = 4
#: The number of characters that are parsed at once, as the cost of pending text grows with its length.
_LONGEST_PIECE = 500


class Drawing:
    """The rendering of one answer.

    Args:
        screen: the terminal.
        after: the text that precedes the answer in its first row.
    """

    def __init__(self, screen: Screen, *, after: str) -> None:
        self._theme = Theme(screen)
        self._blocks = Blocks()
        self._inline = Inline(colour=screen.colour, links=screen.links)
        self._writer = Writer(screen.width, self._theme, cell_len(after.rpartition("\n")[2]))
        #: The style of the block, which is added to the styles of its spans.
        self._marks = 0
        #: The text before the block's first word; `None` after it was written.
        self._before_words: str | None = None
        #: Whether the block is a heading.
        self._in_heading = False
        #: Whether a blank line precedes the next block.
        self._gap = False
        self._highlighter: Highlighter | None = None
        #: Whether a code line has begun but not ended.
        self._in_line = False
        #: Whether a line ended with a backslash, which is text unless another line follows.
        self._backslash = False

    def feed(self, text: str) -> str:
        """Render the next piece of the answer; return the text that is final."""
        for start in range(0, len(text), _LONGEST_PIECE):
            for event in self._blocks.feed(text[start : start + _LONGEST_PIECE]):
                self._draw(event)
        return self._writer.take()

    def close(self) -> str:
        """Return the pending text, without the newline after the last row."""
        for event in self._blocks.close():
            self._draw(event)
        self._end_words()
        return self._writer.take()

    def _draw(self, event: Event) -> None:
        if self._backslash:
            self._backslash = event is not Signal.BREAK
            self._end_words()
        match event:
            case Words():
                self._words(self._inline.feed(event.text))
            case Signal():
                self._signal(event)
            case HeadingBegin():
                self._in_heading = True
                self._marks = HEADINGS[event.level - 1]
                self._before_words = "" if self._theme.colour else "#" * event.level + " "
            case ItemBegin():
                self._separate()
                self._item(event)
            case Close():
                self._writer.pop(event.count)
            case CodeBegin():
                self._code_begin(event.info)
            case CodeLine():
                self._code_line(event)
            case Table():
                self._table(event)

    def _signal(self, signal: Signal) -> None:
        theme, symbols = self._theme, self._theme.symbols
        match signal:
            case Signal.PARAGRAPH:
                self._in_heading = False
                self._marks = 0
                self._before_words = ""
            case Signal.BREAK:
                self._writer.break_row()
            case Signal.LINE_END:
                self._words(self._inline.close())
                self._backslash = self._inline.broken
                # There is nothing to break before the block's first word.
                if not self._backslash or self._before_words is not None:
                    self._end_words()
            case Signal.GAP:
                self._gap = True
            case Signal.QUOTE:
                self._separate()
                bar = symbols.quote + " "
                self._writer.push(Margin(bar, bar, theme.style(FRAME)))
            case Signal.RULE | Signal.DOUBLE_RULE:
                self._begin_row()
                symbol = symbols.rule if signal is Signal.RULE else symbols.double_rule
                self._writer.raw(theme.paint(symbol * self._writer.room, theme.style(FRAME)))
            case Signal.CODE_END:
                self._writer.new_row()
                self._writer.verbatim([(symbols.code_end, theme.style(FRAME))])

    def _end_words(self) -> None:
        if self._backslash:
            self._backslash = False
            self._words([BACKSLASH])
        self._writer.end_words()

    def _words(self, spans: list[Span]) -> None:
        for text, style in self._theme.spans(spans, self._marks):
            if self._before_words is not None:
                # A block without text is not written.
                if not text.strip(" \t\n"):
                    continue
                if self._in_heading:
                    self._begin_row()
                else:
                    self._begin()
                self._writer.words(self._before_words, None)
                self._before_words = None
            self._writer.words(text, style)

    # The beginning of a block

    def _separate(self) -> None:
        if self._gap and not self._writer.first:
            self._writer.blank_row()
        self._gap = False

    def _begin(self) -> None:
        """Begin a block, in the row of the mark before it if there is one."""
        self._separate()
        if not self._writer.fresh:
            self._writer.new_row()

    def _begin_row(self) -> None:
        """Begin a block that does not share its rows with other text, except such marks."""
        self._begin()
        if self._writer.first:
            self._writer.new_row()

    # Blocks

    def _item(self, item: ItemBegin) -> None:
        symbols = self._theme.symbols
        bullet = symbols.bullets[min(item.depth, len(symbols.bullets) - 1)]
        parts = [item.number] if item.number else [] if item.done is not None else [bullet]
        if item.done is not None:
            parts.append(symbols.task[item.done])
        mark = " ".join(parts) + " "
        self._writer.push(Margin(mark, " " * cell_len(mark)))

    def _code_begin(self, info: str) -> None:
        # Pygments takes long to import.
        from kaito_rich.highlighting import Highlighter

        self._begin_row()
        label = f"{self._theme.symbols.code_begin} {info}".rstrip()
        self._writer.verbatim([(label, self._theme.style(FRAME))])
        self._highlighter = Highlighter(info.partition(" ")[0] if self._theme.colour else "")

    def _code_line(self, line: CodeLine) -> None:
        text = line.text.expandtabs(_TAB)
        if not self._in_line:
            if line.ended and not text.strip():
                self._writer.blank_row()
                return
            self._writer.new_row()
        self._in_line = not line.ended
        if self._highlighter is not None:
            self._writer.verbatim(self._highlighter.line(text))

    def _table(self, table: Table) -> None:
        # Only tables need the rest of rich, which takes long to import.
        from kaito_rich.tables import table_lines

        self._begin_row()
        for number, line in enumerate(table_lines(table, self._theme, self._writer.room)):
            if number:
                self._writer.new_row()
            self._writer.raw(line)
