"""Moves the headings of a Markdown text below those of the document that it becomes a part of. Pure: no I/O."""

from __future__ import annotations

import re

from kaito.util.fenced_code import outside_code

#: `## Title`, and a title of one line above a line of `=` or `-`. What looks like a list, a quotation, a table or a
#: rule is no title.
_HEADING = re.compile(
    r"^ {0,3}(?P<marks>#{1,6})(?=[ \t]|$)|"
    r"(?<![^\n]\n)^ {0,3}(?![-+*>|#=~`\s]|\d+[.)])(?P<title>[^\n]*\S)[ \t]*\n {0,3}(?P<line>=+|-+)[ \t]*$",
    re.MULTILINE,
)
_DEEPEST = 6


def lowered(text: str, level: int) -> str:
    """Return a Markdown text whose highest heading has this level at least; the others are moved by as much.

    Code blocks stay as they are.
    """
    levels = [_level(match) for part in outside_code(text) if not part.code for match in _HEADING.finditer(part.text)]
    moved = level - min(levels, default=level)
    if moved <= 0:
        return text

    def replaced(match: re.Match[str]) -> str:
        marks = "#" * min(_level(match) + moved, _DEEPEST)
        return marks if match["title"] is None else f"{marks} {match['title']}"

    return "".join(part.text if part.code else _HEADING.sub(replaced, part.text) for part in outside_code(text))


def _level(match: re.Match[str]) -> int:
    if match["marks"] is not None:
        return len(match["marks"])
    return 1 if match["line"].startswith("=") else 2
