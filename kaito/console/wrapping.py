"""Text that fits the window: broken between words, with what belongs together under each other."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from textwrap import wrap

#: Columns of running text, however wide the window is, and however narrow.
WIDEST, NARROWEST = 100, 20
# Columns that the right side of a table needs; where there are fewer it goes below the left one, and begins there.
_SIDE, _BELOW = 24, 8


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
    lines = text.removesuffix("\n").split("\n")
    return "".join(f"{part}\n" for line in lines for part in _parts(line, columns, _begin(line) + hang))


def paragraphs(text: str, columns: int) -> str:
    """Return the paragraphs of a text, broken anew: where its lines ended means nothing."""
    found = (" ".join(part.split()) for part in re.split(r"\n\s*\n", text))
    return "\n".join(wrapped(part, columns, hang=0) for part in found if part)


def commands(text: str, columns: int) -> str:
    """Return a shell's lines, indented, broken so that they can still be pasted: a command goes on after `\\`."""
    lines = []
    for line in text.splitlines():
        if line.startswith("# "):
            lines += [f"  # {part}" for part in wrap(line[2:], columns - 4, break_on_hyphens=False)]
            continue
        # A flag stays with its value, and what is in quotes whole.
        words = re.findall(r"""(?:--?[a-z-]+ (?!-))?(?:"[^"]*"|'[^']*'|\S)+""", line)
        begun = ""
        for word in words:
            if begun.strip() and len(f"{begun} {word} \\") > columns:
                lines.append(f"{begun} \\")
                begun = "     "
            begun = f"{begun} {word}" if begun else f"  {word}"
        lines.append(begun)
    return "".join(f"{line}\n" for line in lines)


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
            lines += [f"  {name}", *_parts(f"{'':{_BELOW}}{words}", columns, _BELOW)]
        elif len(name) > width:
            lines += [f"  {name}", *_parts(f"{'':{start}}{words}", columns, start)]
        else:
            lines += _parts(f"  {name:<{width}}  {words}", columns, start)
    return "".join(f"{line.rstrip()}\n" for line in lines if line.strip())


def _begin(line: str) -> int:
    return len(line) - len(line.lstrip())


def _parts(line: str, columns: int, indent: int) -> list[str]:
    """Break a line; the parts after the first are indented."""
    if len(line) <= columns:
        return [line]
    return wrap(
        line,
        columns,
        subsequent_indent=" " * indent,
        expand_tabs=False,
        break_long_words=False,
        break_on_hyphens=False,
    )
