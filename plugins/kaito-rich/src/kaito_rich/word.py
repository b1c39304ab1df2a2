"""A word as it comes: its letters, how they look, and how wide it is so far."""

from __future__ import annotations

from rich.cells import CellSpan, cell_len, split_graphemes
from rich.style import Style

#: A text and how it looks.
Piece = tuple[str, Style | None]

_JOINER = "\u200d"
_WIDENER = "\ufe0f"


class Word:
    """A word that arrives in pieces, each of which is measured when it comes and never again.

    A letter is what `rich.cells.split_graphemes` takes for one: accents and what is joined belong to the letter before.

    Attributes:
        cells: the word's width, in columns.
        settled: the same without the last letter, whose width what is still to come may change.
        end: the last character; empty in an empty word.
    """

    __slots__ = ("_joined", "_measured", "_pieces", "cells", "end", "settled")

    def __init__(self) -> None:
        self.cells = self.settled = 0
        self.end = ""
        # Texts are joined when the word is written: to do it for each piece would copy a long word over and over.
        self._pieces: list[tuple[list[str], Style | None]] = []
        #: The last character that is no accent, as long as it may be widened.
        self._measured = ""
        #: Whether the next character is joined to the last letter.
        self._joined = False

    def __bool__(self) -> bool:
        return bool(self._pieces)

    def add(self, text: str, style: Style | None) -> None:
        """Add a piece, not empty."""
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
        """Return its texts and how they look."""
        return [("".join(texts), style) for texts, style in self._pieces]

    def letters(self) -> list[CellSpan]:
        """Return where each letter begins and ends, and its width."""
        return split_graphemes("".join(text for text, _ in self.pieces()))[0]

    def take(self, count: int, cells: int) -> list[Piece]:
        """Take away so many characters at the beginning, which are so many columns wide, and return them."""
        taken: list[Piece] = []
        pieces = self.pieces()
        self._pieces = []
        for text, style in pieces:
            if part := text[:count]:
                taken.append((part, style))
            if rest := text[count:]:
                self._pieces.append(([rest], style))
            count -= len(part)
        self.cells -= cells
        self.settled -= cells
        return taken
