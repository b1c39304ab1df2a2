"""A terminal's screen, computed from the bytes that a program writes to it. Needs `pyte`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pyte

_JOINERS = re.compile("([\u200d\ufe0e\ufe0f])")

#: Lines that are kept of what has scrolled off.
HISTORY = 10_000


class Screen(pyte.HistoryScreen):
    """What a person sees, and what has scrolled off.

    Args:
        columns: cells in a line.
        rows: lines.
        answer: takes what the terminal itself sends to the program, such as the cursor's place when it is asked for.
    """

    def __init__(self, columns: int, rows: int, answer: Callable[[bytes], None]) -> None:
        super().__init__(columns, rows, history=HISTORY)
        self._answer = answer
        self._stream = pyte.ByteStream(self)

    def feed(self, data: bytes) -> None:
        """Draw what was written."""
        self._stream.feed(data)

    def draw(self, data: str) -> None:
        """Put text where the cursor is. Joiners and variation selectors go to the character before them.

        pyte would drop them together with all text after them.
        """
        for piece in _JOINERS.split(data):
            if not _JOINERS.fullmatch(piece):
                super().draw(piece)
                continue
            line, column = self.buffer[self.cursor.y], self.cursor.x - 1
            if column >= 0 and not line[column].data:  # the second cell of a wide character
                column -= 1
            if column >= 0:
                line[column] = line[column]._replace(data=line[column].data + piece)

    def visible(self) -> list[str]:
        """Return the lines without the blanks at their ends and without the empty lines at the end."""
        return _trimmed([line.rstrip() for line in self.display])

    def whole(self) -> list[str]:
        """Return the lines that have scrolled off and the visible ones."""
        return _trimmed([_text(line) for line in self.history.top] + [line.rstrip() for line in self.display])

    @property
    def bracketed_paste(self) -> bool:
        """Whether the program has asked for pastes to be marked."""
        return 2004 << 5 in self.mode

    def write_process_input(self, data: str) -> None:
        """Send the terminal's own answer."""
        self._answer(data.encode())

    def select_graphic_rendition(self, *attributes: int, private: bool = False) -> None:
        """Set colours; the private form sets a keyboard's modes, which nothing here has."""
        if not private:
            super().select_graphic_rendition(*attributes)

    def resize(self, lines: int | None = None, columns: int | None = None) -> None:
        """Change the size as terminals do: lines above the cursor scroll off, those below it are lost."""
        rows = lines or self.lines
        row = self.cursor.y
        surplus = max(0, row + 1 - rows)
        self.cursor.y = self.lines - 1
        for _ in range(surplus):
            self.index()
        self.cursor.y = row - surplus
        for below in range(rows, self.lines):
            self.buffer.pop(below, None)
        self.lines = min(self.lines, rows)
        super().resize(rows, columns)


def _text(line: Any) -> str:
    return "".join(line[column].data for column in range(max(line, default=-1) + 1)).rstrip()


def _trimmed(lines: list[str]) -> list[str]:
    while lines and not lines[-1]:
        lines.pop()
    return lines
