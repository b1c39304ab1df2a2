"""Measures, cuts and pads text by the columns that it takes on a screen.

`wcwidth` knows which characters take two columns or none, and which form one letter. It is imported only for text that
may have such characters.
"""

from __future__ import annotations

import re

# ASCII, Latin letters and punctuation: each takes one column.
_NARROW = re.compile("[\x00-\x7f\xa0-\u02ff\u2010-\u2027]*")


def is_narrow(text: str) -> bool:
    """Return whether each character certainly takes one column."""
    return text.isascii() or _NARROW.fullmatch(text) is not None


def width(text: str) -> int:
    """Return the columns that a line takes."""
    if is_narrow(text):
        return len(text)
    import wcwidth

    return wcwidth.width(text, control_codes="ignore")


def clip(text: str, columns: int) -> str:
    """Return as much of the beginning of a line as fits, in whole letters."""
    if is_narrow(text):
        return text[: max(columns, 0)]
    import wcwidth

    shown, used = "", 0
    for letter in wcwidth.iter_graphemes(text):
        used += width(letter)
        if used > columns:
            break
        shown += letter
    return shown


def clip_left(text: str, columns: int) -> str:
    """Return as much of the end of a line as fits, in whole letters."""
    if is_narrow(text):
        return text[-columns:] if columns > 0 else ""
    import wcwidth

    shown, used = "", 0
    for letter in reversed(list(wcwidth.iter_graphemes(text))):
        used += width(letter)
        if used > columns:
            break
        shown = letter + shown
    return shown


def shorten(text: str, columns: int) -> str:
    """Return a line that fits: itself, or its beginning and an ellipsis."""
    return text if width(text) <= columns else clip(text, columns - 1) + "…"


def shorten_middle(text: str, columns: int, *, end: float = 0.5) -> str:
    """Return a line that fits: itself, or its beginning and its end around an ellipsis.

    Args:
        end: the share of the columns that the end gets.
    """
    if width(text) <= columns:
        return text
    last = clip_left(text, int(max(columns - 1, 0) * end))
    return f"{clip(text, columns - 1 - width(last))}…{last}" if columns > 0 else ""


def pad(text: str, columns: int) -> str:
    """Return a line, padded with blanks to at least this many columns."""
    return text + " " * (columns - width(text))
