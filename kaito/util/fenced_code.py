"""Finds fenced code blocks in Markdown. Pure: no I/O."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

#: A fenced block: the fence, its language, and the text up to a fence of the same letters that is at least as long, or
#: to the end.
_BLOCK = re.compile(r"^ {0,3}(`{3,}|~{3,})([^\n`]*)\n(.*?)(^ {0,3}\1[`~]*[ \t]*$\n?|\Z)", re.MULTILINE | re.DOTALL)


class Part(Struct, frozen=True):
    """A part of a Markdown text."""

    text: str
    #: Whether it is the content of a code block.
    code: bool = False
    #: The language of a code block as it is written; `""` without one.
    language: str = ""


def code_blocks(text: str) -> list[str]:
    """Return the contents of the fenced code blocks of a Markdown text."""
    return [match[3].removesuffix("\n") for match in _BLOCK.finditer(text)]


def split_code(text: str) -> Iterator[Part]:
    """Yield the text between code blocks, and the blocks."""
    position = 0
    for match in _BLOCK.finditer(text):
        if match.start() > position:
            yield Part(text[position : match.start()])
        yield Part(match[3].removesuffix("\n"), code=True, language=match[2].strip())
        position = match.end()
    if position < len(text):
        yield Part(text[position:])


def outside_code(text: str) -> Iterator[Part]:
    """Yield all pieces of a text as they are written: those between code blocks, and the blocks with their fences."""
    position = 0
    for match in _BLOCK.finditer(text):
        yield Part(text[position : match.start()])
        yield Part(match[0], code=True)
        position = match.end()
    yield Part(text[position:])


def open_fence(text: str) -> str:
    """Return the line that closes a code block which the end of a text leaves open; `""` when none is open."""
    blocks = [*_BLOCK.finditer(text)]
    return blocks[-1][1] if blocks and not blocks[-1][4].strip() else ""
