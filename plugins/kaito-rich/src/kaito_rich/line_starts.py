"""Classifies a line by its first characters, as early as possible."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

#: The maximum number of characters that are kept to classify a line. A longer line is text.
LONGEST_LINE = 2000

_RULE = re.compile(r"([-*_])[ \t]*(?:\1[ \t]*){2,}")
_RULE_BEGUN = re.compile(r"([-*_])(?:\1|[ \t])*")
_UNDERLINE = re.compile(r"={3,}[ \t]*")
_UNDERLINE_BEGUN = re.compile(r"=+[ \t]*")
_FENCE = re.compile(r"(`{3,}|~{3,})(.*)", re.DOTALL)
_HEADING = re.compile(r"(#{1,6})(?:[ \t]+|$)")
_HEADING_BEGUN = re.compile(r"#{1,6}")
_ITEM = re.compile(r"([-+*]|([0-9]{1,9})[.)])(?:([ \t]+)|$)")
_ITEM_BEGUN = re.compile(r"[-+*]|[0-9]{1,9}[.)]?")
_TASK = re.compile(r"\[([ xX])\](?:[ \t]|$)")
_TASK_BEGUN = re.compile(r"\[(?:[ xX]\]?)?")

#: The indentation of an indented code block, in columns.
CODE_INDENTATION = 4
#: The maximum number of blanks between an item's mark and its text; if there are more, one counts.
_WIDEST_GAP = 4


class Simple(Enum):
    """Types of lines without data."""

    TEXT = auto()
    RULE = auto()
    #: `===` below a paragraph.
    UNDERLINE = auto()
    QUOTE = auto()
    #: A line of a table, or text that looks like one.
    ROW = auto()
    INDENTED = auto()


@dataclass(frozen=True, slots=True)
class Fence:
    """The first line of a code block."""

    mark: str
    #: The info string: the name of the language comes first.
    info: str


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; its text follows the marks."""

    level: int


@dataclass(frozen=True, slots=True)
class Item:
    """A list item; its content begins after `skip` characters."""

    #: `-`, `+`, `*`, `.` or `)`.
    mark: str
    #: `None` in a bulleted list.
    number: int | None
    #: Whether the task is done; `None` if the item is not a task.
    done: bool | None
    skip: int
    #: The indentation of its content, in columns from its mark.
    offset: int


Start = Simple | Fence | Heading | Item


def classify(body: str, indent: int, *, whole: bool, in_paragraph: bool, in_list: bool) -> Start | None:
    """Return the type of a line, or `None` if it depends on the text that follows.

    A result is final: more text does not change it.

    Args:
        body: the line so far, not empty, without the marks of enclosing blocks and without leading blanks.
        indent: the width of the leading blanks, in columns.
        whole: whether the line ends here.
        in_paragraph: whether it could continue a paragraph.
        in_list: whether it could be inside a list, where models use any indentation.
    """
    if indent >= CODE_INDENTATION and not in_list:
        return Simple.TEXT if in_paragraph else Simple.INDENTED
    if len(body) > LONGEST_LINE:
        whole, body = True, body[: LONGEST_LINE + 1]
        exact = False
    else:
        exact = whole
    first = body[0]
    if first == ">":
        # A following blank is part of the mark.
        return None if body == ">" and not whole else Simple.QUOTE
    if first == "|":
        return (Simple.ROW if exact else Simple.TEXT) if whole else None
    if first in "`~":
        return _fence(body, whole, exact)
    if first == "#":
        return _heading(body, whole)
    if first == "=":
        if not in_paragraph or not _UNDERLINE_BEGUN.fullmatch(body):
            return Simple.TEXT
        return (Simple.UNDERLINE if exact and _UNDERLINE.fullmatch(body) else Simple.TEXT) if whole else None
    if first in "-*_" and _RULE_BEGUN.fullmatch(body):
        if not whole:
            return None
        if exact and _RULE.fullmatch(body):
            return Simple.RULE
    if first in "-+*0123456789":
        return _item(body, whole, in_paragraph=in_paragraph, in_list=in_list)
    return Simple.TEXT


def _fence(body: str, whole: bool, exact: bool) -> Start | None:
    run = len(body) - len(body.lstrip(body[0]))
    if run < len(body) and run < 3:
        return Simple.TEXT
    fence = _FENCE.fullmatch(body)
    if fence and body[0] == "`" and "`" in fence[2]:
        return Simple.TEXT
    if not whole:
        return None
    if not fence or not exact:
        return Simple.TEXT
    return Fence(mark=fence[1], info=" ".join(fence[2].split()))


def _heading(body: str, whole: bool) -> Start | None:
    if _HEADING_BEGUN.fullmatch(body) and not whole:
        return None
    heading = _HEADING.match(body)
    return Heading(level=len(heading[1])) if heading else Simple.TEXT


def _item(body: str, whole: bool, *, in_paragraph: bool, in_list: bool) -> Start | None:
    if _ITEM_BEGUN.fullmatch(body) and not whole:
        return None
    item = _ITEM.match(body)
    if not item:
        return Simple.TEXT
    rest = body[item.end() :]
    if not rest and not whole:
        return None
    number = int(item[2]) if item[2] else None
    if in_paragraph and not in_list and (not rest or number not in (None, 1)):
        return Simple.TEXT
    if _TASK_BEGUN.fullmatch(rest) and not whole:
        return None
    task = _TASK.match(rest)
    gap = len(item[3].expandtabs(4)) if rest and item[3] else 1
    return Item(
        mark=item[1][-1],
        number=number,
        done=task[1] != " " if task else None,
        skip=item.end() + (task.end() if task else 0),
        offset=len(item[1]) + (gap if gap <= _WIDEST_GAP else 1),
    )
