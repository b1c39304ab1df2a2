"""How many columns text takes on a screen, and text cut or padded to that.

`wcwidth` knows the letters that take two columns, or none, and where one ends; it is imported only for text with
letters that may be such.
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


def shorten(text: str, columns: int) -> str:
    """Return a line that fits: itself, or its beginning and an ellipsis."""
    return text if width(text) <= columns else clip(text, columns - 1) + "…"


def pad(text: str, columns: int) -> str:
    """Return a line with blanks behind it, at least so wide."""
    return text + " " * (columns - width(text))
