"""Wraps words into rows as they arrive, without changing what was written."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.style import Style

from kaito_rich.theme import Theme
from kaito_rich.word import Piece, Word

_TOKENS = re.compile(r"[ \t]+|\n|[^ \t\n]+")
# Scripts without blanks between words: a row may end after any character except these.
_DENSE = re.compile(
    "[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\U00020000-\U0003fffd]"
)
_NEVER_FIRST = frozenset("、。，．・：；？！ー々〻ゝゞヽヾ’”）〕］｝〉》」』】〗〙〟%‰℃°…‥·,.:;?!)]}'\"")
_NEVER_LAST = frozenset("‘“（〔［｛〈《「『【〖〘〝$£¥￥＄([{")
_JOINER = "\u200d"


@dataclass(slots=True)
class Margin:
    """The text before the rows of a quote or of an item."""

    #: Before the first row; `None` after it was written.
    mark: str | None
    #: Before the other rows, with the same width.
    rest: str
    style: Style | None = None


class Writer:
    """Writes rows. The width of a row is that of the window when the row begins.

    Args:
        width: returns the window's columns.
        theme: converts styles to escape sequences.
        column: the cursor's column.
    """

    def __init__(self, width: Callable[[], int], theme: Theme, column: int) -> None:
        self._ask_width = width
        self._theme = theme
        self._out: list[str] = []
        self._margins: list[Margin] = []
        self._width = self._columns()
        self._column = column
        self._word = Word()
        self._blank = False
        self._blank_style: Style | None = None
        #: Whether the word may be a part of an address: some of it was written before it was complete, or letters of
        #: another script follow.
        self._is_part = False
        #: The number of line breaks before the next word, if there is one.
        self._breaks = 0
        #: Whether the row is empty except for margins and the beginning of the answer.
        self.fresh = True
        #: Whether this is the first row of the answer.
        self.first = True

    def take(self) -> str:
        """Return the text written since the last call."""
        text = "".join(self._out)
        self._out.clear()
        return text

    # Rows

    @property
    def room(self) -> int:
        """The columns of a new row without its margins."""
        width = self._columns()
        return width - sum(cell_len(margin.rest) for margin in self._kept(width))

    def new_row(self) -> None:
        """End the row and begin another one with its margins."""
        self._place()
        self._begin_row("\n")
        kept = self._kept(self._width)
        for margin in kept:
            self._put(margin.rest if margin.mark is None else margin.mark, margin.style)
            margin.mark = None
        for margin in self._margins[: len(self._margins) - len(kept)]:
            if margin.mark is not None:
                mark, margin.mark = margin.mark, None
                self.words(mark, margin.style)

    def blank_row(self) -> None:
        """Write a row that is empty except for the bars of quotes."""
        self._place()
        self._begin_row("\n")
        margins = list(self._kept(self._width))
        while margins and margins[-1].rest.isspace():
            margins.pop()
        for margin in margins:
            self._put(margin.rest.rstrip() if margin is margins[-1] else margin.rest, margin.style)
        self.fresh = False

    def push(self, margin: Margin) -> None:
        """Indent the following rows by a margin and write its mark."""
        self._margins.append(margin)
        if not self.fresh or self.first:
            self.new_row()
        elif margin.mark is not None:
            mark, margin.mark = margin.mark, None
            if self._column + cell_len(mark) <= self._width // 2:
                self._put(mark, margin.style)
            else:
                self.words(mark, margin.style)

    def pop(self, count: int) -> None:
        """Remove the innermost margins."""
        del self._margins[-count:]

    def raw(self, text: str) -> None:
        """Write text that fits into the row and may contain escape sequences."""
        self._out.append(text)
        self.fresh = False

    # Words

    def words(self, text: str, style: Style | None) -> None:
        """Write words. The last word is kept until it is complete."""
        for token in _TOKENS.findall(text):
            if token == "\n":
                self.break_row()
            elif token[0] in " \t":
                self._place()
                self._blank, self._blank_style = True, style
            else:
                for _ in range(self._breaks):
                    self.new_row()
                self._add(token, style)

    def break_row(self) -> None:
        """Begin a row with the next word."""
        self._place()
        self._breaks += 1

    def end_words(self) -> None:
        """Write the word that is kept."""
        self._place()

    def verbatim(self, pieces: Sequence[Piece]) -> None:
        """Write pieces without wrapping between words."""
        for text, style in pieces:
            if text:
                self._word.add(text, style)
        self._fold(whole=True)
        self._flush()

    def _add(self, token: str, style: Style | None) -> None:
        if _DENSE.search(token) or _DENSE.match(self._word.end):
            for letter in token:
                if self._word and _may_wrap(self._word.end, letter):
                    self._is_part = self._is_part or letter.isalnum()
                    self._place()
                self._word.add(letter, style)
        else:
            self._word.add(token, style)
        # Margins take at most half of a row, so a shorter word fits and `room` need not be computed.
        if self._word.cells > self._width // 2:
            self._overflow()

    def _overflow(self) -> None:
        """Write the rows of a word that is longer than a row, except the last one."""
        if self._word.settled <= self.room:
            return
        word, self._word = self._word, Word()
        while not self.fresh or self.first:
            self.new_row()
        self._word, self._blank = word, False
        self._is_part = True
        self._fold(whole=False)

    def _place(self) -> None:
        """Write the word that is kept, in this row or the next one."""
        if not self._word:
            return
        word, self._word = self._word, Word()
        if not self._is_part:
            word = self._with_addresses(word)
        blank = self._blank and not self.fresh
        while self._column + blank + word.cells > self._width and (self.first or not self.fresh):
            self.new_row()
            blank = self._blank and not self.fresh
        self._word = word
        self._fold(whole=True)
        self._flush(blank=blank)

    def _flush(self, *, blank: bool = False) -> None:
        if self._word:
            pieces = self._word.pieces()
            text, style = pieces[0]
            if blank and style == self._blank_style:
                pieces[0] = (" " + text, style)
            elif blank:
                pieces.insert(0, (" ", None))
            self._put_all(pieces, self._word.cells + blank)
            self.fresh = self.first = False
        self._word, self._blank, self._is_part = Word(), False, False

    def _with_addresses(self, word: Word) -> Word:
        pieces = word.pieces()
        linked = self._theme.with_addresses(pieces)
        if linked is pieces:
            return word
        word = Word()
        for text, style in linked:
            word.add(text, style)
        return word

    def _fold(self, *, whole: bool) -> None:
        """Write full rows of the word until the rest fits into one.

        Args:
            whole: whether the word is complete. If not, the width of its last grapheme may change.
        """
        word = self._word
        if (word.cells if whole else word.settled) <= self._width - self._column:
            return
        graphemes = word.graphemes()
        length = graphemes[-1][1]
        begun = used = 0
        for start, end, cells in graphemes if whole else graphemes[:-1]:
            if self._column + used + cells > self._width and not (self.fresh and start == begun):
                self._fill(word, start - begun, used)
                begun, used = start, 0
            used += cells
            # A grapheme wider than a row gets its own row.
            if self._column + used > self._width and end < length:
                self._fill(word, end - begun, used)
                begun, used = end, 0

    def _fill(self, word: Word, count: int, cells: int) -> None:
        """Write the first `count` characters of a word, `cells` columns wide, and begin another row."""
        self._put_all(word.take(count, cells), cells)
        if self._column == self._width and not self._margins:
            # The terminal continues in the next row by itself; when copied, this is one line.
            self._begin_row("")
        else:
            # The new row may contain marks, which are written as words.
            self._word = Word()
            self.new_row()
            self._word = word

    # Inside a row

    def _put(self, text: str, style: Style | None) -> None:
        self._put_all([(text, style)], cell_len(text))

    def _put_all(self, pieces: Sequence[Piece], cells: int) -> None:
        self._out += [self._theme.paint(text, style) for text, style in pieces]
        self._column += cells

    def _begin_row(self, newline: str) -> None:
        self._out.append(newline)
        self._width, self._column = self._columns(), 0
        self.fresh, self.first, self._blank, self._breaks = True, False, False, 0

    def _columns(self) -> int:
        return max(self._ask_width(), 1)

    def _kept(self, width: int) -> list[Margin]:
        """Return the innermost margins that fit into half of the row."""
        used = 0
        for count, margin in enumerate(reversed(self._margins)):
            used += cell_len(margin.rest)
            if used > width // 2:
                return self._margins[len(self._margins) - count :]
        return self._margins


def _may_wrap(before: str, after: str) -> bool:
    """Return whether a row may end between two characters without a blank between them."""
    if after in _NEVER_FIRST or before in _NEVER_LAST or before == _JOINER or not cell_len(after):
        return False
    return bool(_DENSE.match(before) or _DENSE.match(after))
