"""The events of the block parser, in the order of the text."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Literal


class Signal(Enum):
    """Events without data."""

    #: A paragraph begins; its text follows.
    PARAGRAPH = auto()
    #: The paragraph continues on a new line.
    BREAK = auto()
    #: The line of text ends.
    LINE_END = auto()
    #: A blank line before the next block.
    GAP = auto()
    #: A block quote begins; it ends with `Close`.
    QUOTE = auto()
    #: A horizontal rule; a double one is the underline of a title.
    RULE = auto()
    DOUBLE_RULE = auto()
    CODE_END = auto()


@dataclass(frozen=True, slots=True)
class Words:
    """A piece of a line in a paragraph or a heading."""

    text: str


@dataclass(frozen=True, slots=True)
class HeadingBegin:
    """A heading of level 1 to 6; its text follows, on one line."""

    level: int


@dataclass(frozen=True, slots=True)
class ItemBegin:
    """A list item begins; it ends with `Close`."""

    #: Such as `1.`; empty in a bulleted list.
    number: str
    #: The number of bulleted lists around this item's list.
    depth: int
    #: Whether the task is done; `None` if the item is not a task.
    done: bool | None


@dataclass(frozen=True, slots=True)
class Close:
    """The innermost `count` quotes and items end."""

    count: int


@dataclass(frozen=True, slots=True)
class CodeBegin:
    """A code block begins."""

    #: The info string: the name of the language comes first. May be empty.
    info: str


@dataclass(frozen=True, slots=True)
class CodeLine:
    """A line of a code block, or a piece of a very long line."""

    text: str
    #: Whether the line ends here.
    ended: bool = True


Alignment = Literal["left", "center", "right"]


@dataclass(frozen=True, slots=True)
class Table:
    """A complete table. Every row has one cell for each column."""

    alignments: tuple[Alignment, ...]
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


Event = Signal | Words | HeadingBegin | ItemBegin | Close | CodeBegin | CodeLine | Table
