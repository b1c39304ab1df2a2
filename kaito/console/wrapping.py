"""Lays text out for the window: lines broken between words, paragraphs, shell commands, tables of two columns."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from typing import Any

from kaito.console.width import is_narrow, pad, width

#: Columns of running text in a wide and in a narrow window.
MAX_COLUMNS, MIN_COLUMNS = 100, 20
# A command to paste: to the end of its line, or in quotation marks.
_COMMAND = re.compile("(?:^ +|(?<=: ))(?:kaito|kubectl|pip) .*|'(?:kaito|kubectl|pip) [^']*'")
_URL = re.compile(r"\w+://\S+")
# `wrap` does not break a line at this one.
_NO_BREAK = "\N{NO-BREAK SPACE}"
# The fewest columns of the right side of a table; if fewer are left, it is below the left side, indented.
_MIN_RIGHT, _BELOW_INDENT = 24, 8


def window_columns() -> int:
    """Return the columns that text may have in the window: by `COLUMNS`, else the terminal's, else 80."""
    # One column stays free: some consoles continue on the next line when the last one is written.
    return max(min(shutil.get_terminal_size().columns - 1, MAX_COLUMNS), MIN_COLUMNS)


def table_columns() -> int:
    """Return the columns that a table may have in the window: all but one, which stays free as for text."""
    return max(shutil.get_terminal_size().columns - 1, MIN_COLUMNS)


def wrapped(text: str, columns: int, *, hang: int = 4) -> str:
    """Return a text whose long lines are broken between words; only a word in a script without blanks is broken.

    Args:
        text: each line is wrapped by itself, with the blanks that it begins with.
        columns: the most that a line may have.
        hang: columns by which the rest of a line is indented further than its beginning.
    """
    lines = text.removesuffix("\n").split("\n")
    return "".join(f"{part}\n" for line in lines for part in _parts(line, columns, _indentation(line) + hang))


def remark(line: str, columns: int, *, hang: int) -> str:
    """Return a line wrapped as by :func:`wrapped`, except that commands stay whole, so that they can be pasted.

    A line that is a command, and one around a quoted command that is longer than a line, are not changed.
    """
    hang += _indentation(line)
    for found in _COMMAND.finditer(line):
        if not found.start() or (found[0][0] == "'" and width(found[0]) > columns - hang):
            return line
    whole = _COMMAND.sub(lambda found: found[0].replace(" ", _NO_BREAK), line)
    return "\n".join(_parts(whole, columns, hang)).replace(_NO_BREAK, " ")


def broken(line: str, columns: int, indent: int) -> list[str]:
    """Return the parts of a line, none of which is longer: a word that is longer is broken, too, unless it is a URL.

    A URL is copied, so it gets a line of its own, with less indentation if need be; a longer one the terminal breaks.

    Args:
        columns: the most that a part may have.
        indent: columns by which the parts after the first are indented, at most half of a line.
    """
    if width(line) <= columns:
        return [line]
    indent = min(indent, columns // 2)
    blanks, end = " " * indent, 0
    parts: list[str] = []
    for found in _URL.finditer(line):
        if (taken := width(found[0])) > columns - indent:
            parts += _pieces(line[end : found.start()], columns, blanks, is_first=not end)
            parts.append(blanks[: max(columns - taken, 0)] + found[0])
            end = found.end()
    return parts + _pieces(line[end:], columns, blanks, is_first=not end)


def _pieces(text: str, columns: int, indent: str, *, is_first: bool) -> list[str]:
    """Break a part of a line, also in words; the first part has its own indentation."""
    text = text.rstrip() if is_first else indent + text.strip()
    return _wrap(text, columns, subsequent_indent=indent, expand_tabs=False) if text.strip() else []


def fitting(text: str, columns: int, hang: int) -> str:
    """Return a text no line of which is longer; otherwise as :func:`wrapped`."""
    lines = text.removesuffix("\n").split("\n")
    return "".join(f"{part}\n" for line in lines for part in broken(line, columns, _indentation(line) + hang))


def paragraphs(text: str, columns: int) -> str:
    """Return the paragraphs of a text, each wrapped as a whole: single line breaks do not count."""
    joined = (" ".join(part.split()) for part in re.split(r"\n\s*\n", text))
    return "\n".join(wrapped(part, columns, hang=0) for part in joined if part)


def commands(text: str, columns: int) -> str:
    """Return lines for a shell, indented, and broken so that they can be pasted: a command continues after `\\`."""
    lines = []
    for line in text.splitlines():
        if line.startswith("# "):
            lines += [f"  # {part}" for part in _wrap(line[2:], columns - 4)]
            continue
        # A flag stays with its value, and a quoted string whole.
        words = re.findall(r"""(?:--?[a-z-]+ (?!-))?(?:"[^"]*"|'[^']*'|\S)+""", line)
        current = ""
        for word in words:
            if current.strip() and width(f"{current} {word} \\") > columns:
                lines.append(f"{current} \\")
                current = "     "
            current = f"{current} {word}" if current else f"  {word}"
        lines.append(current)
    return "".join(f"{line}\n" for line in lines)


def table(rows: Iterable[tuple[str, str]], columns: int, *, left: int | None = None) -> str:
    """Return lines of names and descriptions: side by side, or one below the other in a narrow window.

    Args:
        columns: the most that a line may have.
        left: columns of the names; by default those of the longest. A longer one has a line of its own.
    """
    rows = list(rows)
    left = max((width(name) for name, _ in rows), default=0) if left is None else left
    start = 2 + left + 2
    lines = []
    for name, description in rows:
        if columns - start < _MIN_RIGHT:
            lines += [f"  {name}", *_parts(f"{'':{_BELOW_INDENT}}{description}", columns, _BELOW_INDENT)]
        elif width(name) > left:
            lines += [f"  {name}", *_parts(f"{'':{start}}{description}", columns, start)]
        else:
            lines += _parts(f"  {pad(name, left)}  {description}", columns, start)
    return "".join(f"{line.rstrip()}\n" for line in lines if line.strip())


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip())


def _parts(line: str, columns: int, indent: int) -> list[str]:
    """Break a line; the parts after the first are indented.

    A name, a path or a URL is copied, so it stays whole. Text in a script without blanks between words is not: it has
    to be broken somewhere.
    """
    if width(line) <= columns:
        return [line]
    if any(width(word) > columns - indent and not is_narrow(word) and not _URL.search(word) for word in line.split()):
        return broken(line, columns, indent)
    return _wrap(line, columns, subsequent_indent=" " * indent, expand_tabs=False, break_long_words=False)


def _wrap(line: str, columns: int, **options: Any) -> list[str]:
    if is_narrow(line):
        from textwrap import wrap
    else:
        from wcwidth import wrap
    return wrap(line, columns, break_on_hyphens=False, **options)
