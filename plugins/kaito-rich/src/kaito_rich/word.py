"""A word that arrives in pieces: its texts, styles and width."""

from __future__ import annotations

from rich.cells import CellSpan, cell_len, split_graphemes
from rich.style import Style

#: A text and its style.
Piece = tuple[str, Style | None]

_JOINER = "\u200d"
_WIDENER = "\ufe0f"


class Word:
    """A word that arrives in pieces. Each piece is measured once.

    A grapheme is what `rich.cells.split_graphemes` returns: combining and joined characters belong to the one before.

    Attributes:
        cells: the width in columns.
        settled: the width without the last grapheme, whose width may still change.
        end: the last character; empty in an empty word.
    """

    __slots__ = ("_joined", "_measured", "_pieces", "cells", "end", "settled")

    def __init__(self) -> None:
        self.cells = self.settled = 0
        self.end = ""
        # Texts are joined when the word is written, as joining each piece would copy a long word repeatedly.
        self._pieces: list[tuple[list[str], Style | None]] = []
        #: The last character that is not a combining one, while a variation selector may widen it.
        self._measured = ""
        #: Whether the next character belongs to the last grapheme.
        self._joined = False

    def __bool__(self) -> bool:
        return bool(self._pieces)

    def add(self, text: str, style: Style | None) -> None:
        """Add a piece that is not empty."""
        if text.isascii() and text.isprintable() and not self._joined:
            self.cells += len(text)
            self.settled, self._measured = self.cells - 1, text[-1]
        else:
            for character in text:
                self._measure(character)
                self.end = character
        self.end = text[-1]
        if self._pieces and self._pieces[-1][1] == style:
            self._pieces[-1][0].append(text)
        else:
            self._pieces.append(([text], style))

    def _measure(self, character: str) -> None:
        if self._joined:
            self._joined = False
        elif character == _JOINER:
            self._joined = bool(self.end)
        elif character == _WIDENER:
            if self._measured and cell_len(self._measured + _WIDENER) > cell_len(self._measured):
                self.cells += 1
                self._measured = ""
        elif width := cell_len(character):
            self.settled = self.cells
            self.cells += width
            self._measured = character

    def pieces(self) -> list[Piece]:
        """Return the texts and their styles."""
        return [("".join(texts), style) for texts, style in self._pieces]

    def graphemes(self) -> list[CellSpan]:
        """Return the start, end and width of each grapheme."""
        return split_graphemes("".join(text for text, _ in self.pieces()))[0]

    def take(self, count: int, cells: int) -> list[Piece]:
        """Remove the first `count` characters, which are `cells` columns wide, and return them."""
        removed: list[Piece] = []
        pieces = self.pieces()
        self._pieces = []
        for text, style in pieces:
            if part := text[:count]:
                removed.append((part, style))
            if rest := text[count:]:
                self._pieces.append(([rest], style))
            count -= len(part)
        self.cells -= cells
        self.settled -= cells
        return removed
