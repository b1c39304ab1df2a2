"""How much room text takes on a screen, in cells: a wide letter takes two, one that joins another none."""

from __future__ import annotations

import unicodedata


def width(text: str) -> int:
    """Return the cells that a line takes."""
    return len(text) if text.isascii() else sum(map(_width, text))


def beginning(text: str, cells: int) -> str:
    """Return as much of a line as fits."""
    if width(text) <= cells:
        return text
    left = cells
    for place, character in enumerate(text):
        left -= _width(character)
        if left < 0:
            return text[:place]
    return text


def cut(text: str, cells: int) -> str:
    """Return a line as it is if it fits, else what does, with an ellipsis at its end."""
    return text if width(text) <= cells else beginning(text, cells - 1) + "…"


def _width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
