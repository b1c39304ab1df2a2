"""Classifies one entry of input: a word that is a command, a slash command, or a message."""

from __future__ import annotations

import re
from enum import Enum, auto

from msgspec import Struct

from kaito.util import limits

#: Commands when they are the whole line.
WORDS = frozenset({"quit", "exit", "clear", "help", "status"})

BLOCK_MARK = '"""'

# `/set x 1`, and `/set_x 1`, which must be a mistyped command; not `/etc/hosts is empty`, `/3 of them` or `/* a */`
_SLASH = re.compile(r"/([^\W\d_][^\s/]*|\?)(?:\s+(.*))?", re.DOTALL)


class Kind(Enum):
    """The kind of an entry."""

    NOTHING = auto()
    WORD = auto()
    SLASH = auto()
    MESSAGE = auto()


class Entry(Struct, frozen=True):
    """One entry of input."""

    kind: Kind
    #: The message, or the command's name in lower case.
    text: str
    #: The text after a slash command's name.
    arguments: str = ""


def classify(line: str) -> Entry:
    """Return the entry of a line. `cmd.Cmd`'s own syntax has no meaning."""
    stripped = line.strip()
    if not stripped:
        return Entry(Kind.NOTHING, "")
    if (word := stripped.lower()) in WORDS:
        return Entry(Kind.WORD, word)
    if stripped.startswith("//"):
        return Entry(Kind.MESSAGE, line.replace("//", "/", 1))
    if stripped == "/":
        return Entry(Kind.SLASH, "")
    if match := _SLASH.fullmatch(stripped):
        return Entry(Kind.SLASH, match[1].lower(), (match[2] or "").strip())
    return Entry(Kind.MESSAGE, line)


def begin(line: str) -> Entry | Block:
    """Return the entry of a line, or of a paste of several; or the block that it opens and may close."""
    # A paste arrives as one line with line breaks, and is a message whatever it contains.
    if not Block.opens(line):
        return Entry(Kind.MESSAGE, line) if "\n" in line else classify(line)
    first, *pasted = line.split("\n")
    block = Block(first)
    for more in pasted:
        if block.closed:
            return Entry(Kind.MESSAGE, line)
        block.add(more)
    return block


class Block:
    """A message of several lines between two marks: at the start of a line and at the end of a line."""

    def __init__(self, first: str) -> None:
        self._lines: list[str] = []
        self._length = 0
        self.closed = False
        rest = first.lstrip().removeprefix(BLOCK_MARK)
        if rest.strip():
            self.add(rest)

    @staticmethod
    def opens(line: str) -> bool:
        """Return whether a line opens a block."""
        return line.lstrip().startswith(BLOCK_MARK)

    def add(self, line: str) -> None:
        """Add the next line."""
        body = line.rstrip()
        self.closed = body.endswith(BLOCK_MARK)
        self._length += len(line) + 1
        if self.is_too_long:
            self._lines.clear()
        elif not self.closed:
            self._lines.append(line)
        elif rest := body.removesuffix(BLOCK_MARK):
            self._lines.append(rest)

    @property
    def is_too_long(self) -> bool:
        """Whether it is longer than a message may be. It is then read to its end, and nothing of it is kept."""
        return self._length > limits.STDIN

    @property
    def entry(self) -> Entry:
        """The message of a closed block; `NOTHING` when it contains only blanks."""
        text = "\n".join(self._lines)
        return Entry(Kind.MESSAGE if text.strip() else Kind.NOTHING, text)
