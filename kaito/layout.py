"""Text that fits the window: broken between words, with what belongs together under each other."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from textwrap import wrap

#: Columns of running text, however wide the window is, and however narrow.
WIDEST, NARROWEST = 100, 20
#: Columns that the right side of a table needs; where there are fewer it goes below the left one.
_SIDE = 24


def window() -> int:
    """Return the columns that text may have in the window: by `COLUMNS`, else as the terminal tells, else 80."""
    # One stays free: some consoles go on to the next line when the last cell is written.
    return max(min(shutil.get_terminal_size().columns - 1, WIDEST), NARROWEST)


def wrapped(text: str, columns: int, *, hang: int = 4) -> str:
    """Return a text whose lines are broken between words where they are too long; a word is never broken.

    Args:
        text: each of its lines stands for itself, with the blanks that it begins with.
        columns: that a line may have.
        hang: columns by which the rest of a line stands further to the right than its beginning.
    """
    return "".join(f"{part}\n" for line in text.removesuffix("\n").split("\n") for part in _parts(line, columns, hang))


def paragraphs(text: str, columns: int) -> str:
    """Return the paragraphs of a text, broken anew: where its lines ended means nothing."""
    found = (" ".join(part.split()) for part in re.split(r"\n\s*\n", text))
    return "\n".join(wrapped(part, columns, hang=0) for part in found if part)


def table(rows: Iterable[tuple[str, str]], columns: int, *, left: int | None = None) -> str:
    """Return lines of a name and what is said about it: beside it, or below it in a narrow window.

    Args:
        rows: names and words.
        columns: that a line may have.
        left: columns of the names; those of the longest if not given. A longer one has a line of its own.
    """
    rows = list(rows)
    width = max((len(name) for name, _ in rows), default=0) if left is None else left
    start = 2 + width + 2
    lines = []
    for name, words in rows:
        if columns - start < _SIDE:
            lines += [f"  {name}", *_parts(f"{'':6}{words}", columns, 0)]
        elif len(name) > width:
            lines += [f"  {name}", *_parts(f"{'':{start}}{words}", columns, 0)]
        else:
            lines += _parts(f"  {name:<{width}}  {words}", columns, start - 2)
    return "".join(f"{line.rstrip()}\n" for line in lines if line.strip())


def _parts(line: str, columns: int, hang: int) -> list[str]:
    if len(line) <= columns:
        return [line]
    begin = len(line) - len(line.lstrip())
    return wrap(
        line,
        columns,
        subsequent_indent=" " * (begin + hang),
        expand_tabs=False,
        break_long_words=False,
        break_on_hyphens=False,
    )
