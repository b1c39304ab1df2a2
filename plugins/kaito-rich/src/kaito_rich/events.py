"""What the reader of blocks tells whoever draws them, in the order of the text."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Literal


class Signal(Enum):
    """Events of which there is nothing more to be known."""

    #: A paragraph begins; its words follow.
    PARAGRAPH = auto()
    #: The paragraph goes on in a new line.
    BREAK = auto()
    #: The line of words ends.
    LINE_END = auto()
    #: A blank line, before whatever comes next.
    GAP = auto()
    #: A block quote begins, until it is closed.
    QUOTE = auto()
    #: A line across; the double one stands below a title.
    RULE = auto()
    DOUBLE_RULE = auto()
    CODE_END = auto()


@dataclass(frozen=True, slots=True)
class Words:
    """A piece of a line of a paragraph or a heading."""

    text: str


@dataclass(frozen=True, slots=True)
class HeadingBegin:
    """A heading of level 1 to 6; its words follow, in one line."""

    level: int


@dataclass(frozen=True, slots=True)
class ItemBegin:
    """An item of a list begins, until it is closed."""

    #: Such as `1.`; empty in a list without numbers.
    number: str
    #: How many lists without numbers it is in, itself not counted.
    depth: int
    #: Whether it is done; `None` when it is no task.
    done: bool | None


@dataclass(frozen=True, slots=True)
class Close:
    """Quotes and items end, the innermost first."""

    count: int


@dataclass(frozen=True, slots=True)
class CodeBegin:
    """A code block begins."""

    #: What is said of it, the language's name first; may be empty.
    info: str


@dataclass(frozen=True, slots=True)
class CodeLine:
    """A line of a code block, or a piece of a very long one."""

    text: str
    #: Whether the line ends here.
    ended: bool = True


Alignment = Literal["left", "center", "right"]


@dataclass(frozen=True, slots=True)
class Table:
    """A whole table. All rows have as many cells as there are columns."""

    alignments: tuple[Alignment, ...]
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


Event = Signal | Words | HeadingBegin | ItemBegin | Close | CodeBegin | CodeLine | Table
