"""Draws an answer: blocks and spans in, what is to be written to the terminal out."""

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
from kaito_rich.look import FRAME, HEADINGS, Look
from kaito_rich.writer import Margin, Writer

if TYPE_CHECKING:
    from kaito_rich.code import Highlighter

_TAB = 4
#: Characters that are read at once. What is held while a text is read grows with its pieces, and costs as much.
_LONGEST_PIECE = 500


class Drawing:
    """One answer.

    Args:
        screen: where it goes, a terminal.
        after: what is written before it, by somebody else.
    """

    def __init__(self, screen: Screen, *, after: str) -> None:
        self._look = Look(screen)
        self._blocks = Blocks()
        self._inline = Inline(colour=screen.colour)
        self._writer = Writer(screen.width, self._look, cell_len(after.rpartition("\n")[2]))
        #: How the block's words look besides what their spans say.
        self._marks = 0
        #: What is written before the block's first word; `None` once it was.
        self._before_words: str | None = None
        #: Whether a blank line is to be written before the next block.
        self._gap = False
        self._highlighter: Highlighter | None = None
        #: Whether a code line is being written that has not ended.
        self._in_line = False
        #: Whether a line ended in a backslash, which is a letter unless another line follows.
        self._backslash = False

    def feed(self, text: str) -> str:
        """Return what the next piece of the answer settles."""
        for start in range(0, len(text), _LONGEST_PIECE):
            for event in self._blocks.feed(text[start : start + _LONGEST_PIECE]):
                self._draw(event)
        return self._writer.take()

    def close(self) -> str:
        """Return what was held, without the newline that ends the last row."""
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
                self._marks = HEADINGS[event.level - 1]
                self._before_words = "" if self._look.colour else "#" * event.level + " "
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
        look, signs = self._look, self._look.signs
        match signal:
            case Signal.PARAGRAPH:
                self._marks = 0
                self._before_words = ""
            case Signal.BREAK:
                self._writer.break_row()
            case Signal.LINE_END:
                self._words(self._inline.close())
                self._backslash = self._inline.broken
                # Before its block has a word there is nothing to break.
                if not self._backslash or self._before_words is not None:
                    self._end_words()
            case Signal.GAP:
                self._gap = True
            case Signal.QUOTE:
                self._separate()
                bar = signs.quote + " "
                self._writer.push(Margin(bar, bar, look.style(FRAME)))
            case Signal.RULE | Signal.DOUBLE_RULE:
                self._begin_row()
                sign = signs.rule if signal is Signal.RULE else signs.double_rule
                self._writer.raw(look.paint(sign * self._writer.room, look.style(FRAME)))
            case Signal.CODE_END:
                self._writer.new_row()
                self._writer.verbatim([(signs.code_end, look.style(FRAME))])

    def _end_words(self) -> None:
        if self._backslash:
            self._backslash = False
            self._words([BACKSLASH])
        self._writer.end_words()

    def _words(self, spans: list[Span]) -> None:
        for text, style in self._look.spans(spans, self._marks):
            if self._before_words is not None:
                # A block without a word leaves no trace.
                if not text.strip(" \t\n"):
                    continue
                self._begin()
                self._writer.words(self._before_words, None)
                self._before_words = None
            self._writer.words(text, style)

    # Where a block begins

    def _separate(self) -> None:
        if self._gap and not self._writer.first:
            self._writer.blank_row()
        self._gap = False

    def _begin(self) -> None:
        """Begin a block, in the row of the mark that stands before it if there is one."""
        self._separate()
        if not self._writer.fresh:
            self._writer.new_row()

    def _begin_row(self) -> None:
        """Begin a block that needs rows of its own, but for such marks."""
        self._begin()
        if self._writer.first:
            self._writer.new_row()

    # Blocks

    def _item(self, item: ItemBegin) -> None:
        signs = self._look.signs
        bullet = signs.bullets[min(item.depth, len(signs.bullets) - 1)]
        parts = [item.number] if item.number else [] if item.done is not None else [bullet]
        if item.done is not None:
            parts.append(signs.task[item.done])
        mark = " ".join(parts) + " "
        self._writer.push(Margin(mark, " " * cell_len(mark)))

    def _code_begin(self, info: str) -> None:
        # Pygments knows hundreds of languages and takes a while to import.
        from kaito_rich.code import Highlighter

        self._begin_row()
        label = f"{self._look.signs.code_begin} {info}".rstrip()
        self._writer.verbatim([(label, self._look.style(FRAME))])
        self._highlighter = Highlighter(info.partition(" ")[0] if self._look.colour else "")

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
        # Only who asks for a table waits for the rest of rich.
        from kaito_rich.tables import table_lines

        self._begin_row()
        for number, line in enumerate(table_lines(table, self._look, self._writer.room)):
            if number:
                self._writer.new_row()
            self._writer.raw(line)
