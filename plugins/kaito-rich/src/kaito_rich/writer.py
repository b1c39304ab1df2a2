"""Puts words into rows as they come: a row that was begun is only ever added to."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, split_graphemes
from rich.style import Style

from kaito_rich.look import Look

#: A text and how it looks.
Piece = tuple[str, Style | None]

_TOKENS = re.compile(r"[ \t]+|\n|[^ \t\n]+")
# Scripts that are written without blanks: a row may end at each letter, but for these.
_DENSE = re.compile(
    "[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\U00020000-\U0003fffd]"
)
_NEVER_FIRST = frozenset("、。，．・：；？！ー々〻ゝゞヽヾ’”）〕］｝〉》」』】〗〙〟%‰℃°…‥·,.:;?!)]}'\"")
_NEVER_LAST = frozenset("‘“（〔［｛〈《「『【〖〘〝$£¥￥＄([{")
_JOINER = "\u200d"


@dataclass(slots=True)
class Margin:
    """What stands before the rows of a quote or of an item."""

    #: Before the first row; `None` once it stands there.
    mark: str | None
    #: Before the others, as wide.
    rest: str
    style: Style | None = None


class Writer:
    """Writes rows, as wide as the window is when each of them begins.

    Args:
        width: returns the window's columns.
        look: paints.
        column: where the cursor is.
    """

    def __init__(self, width: Callable[[], int], look: Look, column: int) -> None:
        self._ask_width = width
        self._look = look
        self._out: list[str] = []
        self._margins: list[Margin] = []
        self._width = self._columns()
        self._column = column
        self._word: list[Piece] = []
        self._blank = False
        self._blank_style: Style | None = None
        #: Line breaks that come before the next word, if there is one.
        self._breaks = 0
        #: Whether nothing but margins, or what begins the answer, stands in the row.
        self.fresh = True
        #: Whether this is the row that begins the answer.
        self.first = True

    def take(self) -> str:
        """Return what was written since the last time."""
        text = "".join(self._out)
        self._out.clear()
        return text

    # Rows

    @property
    def room(self) -> int:
        """How many columns of a new row are left by the margins."""
        width = self._columns()
        return width - sum(cell_len(margin.rest) for margin in self._kept(width))

    def new_row(self) -> None:
        """End the row and begin another one behind the margins."""
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
        """Write a row that is empty but for the bars of quotes."""
        self._place()
        self._begin_row("\n")
        margins = list(self._kept(self._width))
        while margins and margins[-1].rest.isspace():
            margins.pop()
        for margin in margins:
            self._put(margin.rest.rstrip() if margin is margins[-1] else margin.rest, margin.style)
        self.fresh = False

    def push(self, margin: Margin) -> None:
        """Set what follows in by a margin, whose mark is written at once."""
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
        """Take away the innermost margins."""
        del self._margins[-count:]

    def raw(self, text: str) -> None:
        """Write what fits into the row already, escape sequences included."""
        self._out.append(text)
        self.fresh = False

    # Words

    def words(self, text: str, style: Style | None) -> None:
        """Write words. The last one is held until it is known to be whole."""
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
        """Have the next word begin a row."""
        self._place()
        self._breaks += 1

    def end_words(self) -> None:
        """Write what is held."""
        self._place()

    def verbatim(self, pieces: Sequence[Piece]) -> None:
        """Write pieces as they are, the row's end wherever it falls."""
        self._word = [piece for piece in pieces if piece[0]]
        self._fold(whole=True)
        self._flush()

    def _add(self, token: str, style: Style | None) -> None:
        if _DENSE.search(token) or (self._word and _DENSE.match(self._word[-1][0][-1])):
            for letter in token:
                if self._word and _may_part(self._word[-1][0][-1], letter):
                    self._place()
                self._append(letter, style)
        else:
            self._append(token, style)
        # No letter is wider than two columns, and the sum is only worth computing for a word that may be too long.
        if 2 * sum(len(text) for text, _ in self._word) > self._width // 2:
            self._overflow()

    def _append(self, text: str, style: Style | None) -> None:
        if self._word and self._word[-1][1] == style:
            self._word[-1] = (self._word[-1][0] + text, style)
        else:
            self._word.append((text, style))

    def _overflow(self) -> None:
        """Write what is there of a word that is longer than a row, but for its last row."""
        if _fitting(self._word, self.room, whole=False) is None:
            return
        word, self._word = self._word, []
        while not self.fresh or self.first:
            self.new_row()
        self._word, self._blank = word, False
        self._fold(whole=False)

    def _place(self) -> None:
        """Write the word that is held, in this row or the next one."""
        if not self._word:
            return
        word, self._word = self._word, []
        cells = sum(cell_len(text) for text, _ in word)
        blank = self._blank and not self.fresh
        while self._column + blank + cells > self._width and (self.first or not self.fresh):
            self.new_row()
            blank = self._blank and not self.fresh
        if blank and self._blank_style == word[0][1]:
            word[0] = (" " + word[0][0], word[0][1])
        elif blank:
            self._put(" ", None)
        self._word = word
        self._fold(whole=True)
        self._flush()

    def _flush(self) -> None:
        for text, style in self._word:
            self._put(text, style)
        if self._word:
            self.fresh = self.first = False
        self._word, self._blank = [], False

    def _fold(self, *, whole: bool) -> None:
        """Write full rows of what is held, as long as it does not fit into one."""
        while (count := _fitting(self._word, self._width - self._column, whole=whole)) is not None:
            row, self._word = _cut(self._word, count or self._at_least())
            for text, style in row:
                self._put(text, style)
            rest, self._word = self._word, []
            if not rest:
                self.fresh = self.first = False
                return
            if self._column == self._width and not self._margins:
                # The terminal goes on in the next row by itself, and knows when it is copied that this is one line.
                self._begin_row("")
            else:
                self.new_row()
            self._word = rest

    def _at_least(self) -> int:
        """Return the length of the first letter if the row has nothing else, as it fits into none."""
        if not self.fresh:
            return 0
        spans, _ = split_graphemes("".join(text for text, _ in self._word))
        return spans[0][1]

    # Within a row

    def _put(self, text: str, style: Style | None) -> None:
        self._out.append(self._look.paint(text, style))
        self._column += cell_len(text)

    def _begin_row(self, newline: str) -> None:
        self._out.append(newline)
        self._width, self._column = self._columns(), 0
        self.fresh, self.first, self._blank, self._breaks = True, False, False, 0

    def _columns(self) -> int:
        return max(self._ask_width(), 1)

    def _kept(self, width: int) -> list[Margin]:
        """Return the margins for which there is space: the innermost, in no more than half of the row."""
        used = 0
        for count, margin in enumerate(reversed(self._margins)):
            used += cell_len(margin.rest)
            if used > width // 2:
                return self._margins[len(self._margins) - count :]
        return self._margins


def _may_part(before: str, after: str) -> bool:
    """Return whether a row may end between two letters that no blank parts."""
    if after in _NEVER_FIRST or before in _NEVER_LAST or before == _JOINER or not cell_len(after):
        return False
    return bool(_DENSE.match(before) or _DENSE.match(after))


def _fitting(pieces: list[Piece], room: int, *, whole: bool) -> int | None:
    """Return how many characters fit into a row, `None` if all do or if it cannot be told yet.

    It cannot as long as the letter that does not fit is the last one: what is still to come may change its width.
    """
    text = "".join(text for text, _ in pieces)
    if 2 * len(text) <= room:
        return None
    spans, cells = split_graphemes(text)
    if cells <= room:
        return None
    used = 0
    for number, (start, _, width) in enumerate(spans):
        used += width
        if used > room:
            return start if whole or number < len(spans) - 1 else None
    return None


def _cut(pieces: list[Piece], count: int) -> tuple[list[Piece], list[Piece]]:
    """Divide pieces after so many characters."""
    before: list[Piece] = []
    for number, (text, style) in enumerate(pieces):
        if count < len(text):
            return [*before, (text[:count], style)], [(text[count:], style), *pieces[number + 1 :]]
        before.append((text, style))
        count -= len(text)
    return before, []
