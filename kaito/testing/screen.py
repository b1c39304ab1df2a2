"""The contents of a terminal's screen, computed from the bytes that a program writes. Needs `pyte`."""

from __future__ import annotations

import re
from typing import Any

import pyte

_JOINERS = re.compile("([\u200d\ufe0e\ufe0f])")

#: The number of lines kept after they have scrolled off.
HISTORY = 10_000


class Screen(pyte.HistoryScreen):
    """The visible lines of a terminal, and the lines that have scrolled off.

    Args:
        columns: cells in a line.
        rows: lines.
    """

    def __init__(self, columns: int, rows: int) -> None:
        super().__init__(columns, rows, history=HISTORY)
        self._responses = b""
        self._stream = pyte.ByteStream(self)

    def feed(self, data: bytes) -> bytes:
        """Draw output; return what the terminal sends back, such as the cursor's position if it was requested."""
        self._stream.feed(data)
        responses, self._responses = self._responses, b""
        return responses

    def draw(self, data: str) -> None:
        """Draw text at the cursor. Joiners and variation selectors are added to the previous character.

        pyte would drop them together with the text after them.
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
        """Return the visible lines without trailing blanks and without empty lines at the end."""
        return _trimmed([line.rstrip() for line in self.display])

    def whole(self) -> list[str]:
        """Return the lines that have scrolled off and the visible lines."""
        return _trimmed([_text(line) for line in self.history.top] + [line.rstrip() for line in self.display])

    @property
    def bracketed_paste(self) -> bool:
        """Whether the program has enabled bracketed paste."""
        return 2004 << 5 in self.mode

    def write_process_input(self, data: str) -> None:
        """Collect what the terminal sends to the program."""
        self._responses += data.encode()

    def select_graphic_rendition(self, *attributes: int, private: bool = False) -> None:
        """Set colours. The private form sets keyboard modes, which are ignored."""
        if not private:
            super().select_graphic_rendition(*attributes)

    def resize(self, lines: int | None = None, columns: int | None = None) -> None:
        """Change the size as terminals do: surplus lines above the cursor scroll off, those below it are lost."""
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
