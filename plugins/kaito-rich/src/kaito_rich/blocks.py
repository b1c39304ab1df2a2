"""Parses the blocks of streamed Markdown: paragraphs, headings, lists, quotes, code, tables.

The parser is incremental: it reads every character once, except for the beginning of a line, which it keeps until the
line's type is known. An event is final. The README lists the differences from CommonMark, which would have to wait for
later lines, or does not match what models write.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from kaito_rich.events import (
    Close,
    CodeBegin,
    CodeLine,
    Event,
    HeadingBegin,
    ItemBegin,
    Signal,
    Words,
)
from kaito_rich.line_starts import CODE_INDENTATION, LONGEST_LINE, Fence, Heading, Item, Simple, Start, classify
from kaito_rich.table_rows import Rows, alignments

#: The maximum depth of nested quotes and items. Deeper ones are text.
DEEPEST = 20


class _Leaf(Enum):
    """The block that the next line may continue."""

    NONE = auto()
    PARAGRAPH = auto()
    TABLE = auto()
    FENCED = auto()
    INDENTED = auto()


class _LineState(Enum):
    """The state of the current line."""

    #: Matching the open quotes and items.
    CONTAINERS = auto()
    #: All open quotes and items that it continues are matched; its type is not known yet.
    START = auto()
    #: The rest of the line is text.
    WORDS = auto()
    HEADING = auto()
    #: The rest of the line is code.
    CODE = auto()


@dataclass(slots=True)
class _Quote:
    pass


@dataclass(slots=True)
class _Item:
    mark: str
    number: int | None
    #: The columns that are removed from the lines inside: at first those up to the text of the item.
    offset: int
    #: The indentation of a line inside, in columns. Models do not always include the width of the number.
    needed: int


class Blocks:
    """The parser of one text."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._containers: list[_Quote | _Item] = []
        self._leaf = _Leaf.NONE
        #: A line that is a table's header if the next line confirms it.
        self._candidate: str | None = None
        self._rows: Rows | None = None
        self._fence = ""
        self._fence_indent = 0
        #: The number of blank lines in an indented code block, which may also end it.
        self._blanks = 0
        # The current line
        self._state = _LineState.CONTAINERS
        self._head = ""
        #: The number of containers that it continues.
        self._matched = 0
        #: Whether it opens containers.
        self._opened = False

    def feed(self, text: str) -> list[Event]:
        """Parse the next piece of text; return its events."""
        position = 0
        while position < len(text):
            end = text.find("\n", position)
            piece = text[position : end if end >= 0 else len(text)]
            position = end + 1 if end >= 0 else len(text)
            self._piece(piece, whole=end >= 0)
        return self._take()

    def close(self) -> list[Event]:
        """End the text; return the remaining events."""
        if self._head or self._state is not _LineState.CONTAINERS:
            self._piece("", whole=True)
        self._end_leaf()
        self._close_to(0)
        return self._take()

    def _take(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    # One line

    def _piece(self, piece: str, *, whole: bool) -> None:
        if self._state is _LineState.WORDS:
            if piece:
                self._events.append(Words(piece))
        else:
            self._head += piece
            while self._step(whole):
                pass
        if whole:
            if self._state in (_LineState.WORDS, _LineState.HEADING):
                self._events.append(Signal.LINE_END)
            self._state, self._head = _LineState.CONTAINERS, ""
            self._matched, self._opened = 0, False

    def _step(self, whole: bool) -> bool:
        """Take one parsing step; return whether another one may follow."""
        match self._state:
            case _LineState.CONTAINERS:
                return self._container(whole)
            case _LineState.START:
                return self._start(whole)
            case _LineState.HEADING:
                return self._heading(whole)
            case _LineState.CODE:
                return self._code(whole)
        return False

    def _split(self) -> tuple[int, str]:
        """Return the width of the leading blanks and the rest of the line. An excessive number of blanks is cut."""
        body = self._head.lstrip(" \t")
        blanks = self._head[: len(self._head) - len(body)][:LONGEST_LINE]
        self._head = blanks + body
        return min(len(blanks.expandtabs(4)), LONGEST_LINE), body

    def _container(self, whole: bool) -> bool:
        indent, body = self._split()
        if not body and not whole:
            return False
        if self._matched == len(self._containers):
            self._state = _LineState.START
            return True
        container = self._containers[self._matched]
        if isinstance(container, _Quote):
            if not body.startswith(">"):
                self._state = _LineState.START
                return True
            if body == ">" and not whole:
                return False
            self._head = body[1:].removeprefix(" ")
        elif not body or self._leaf is _Leaf.FENCED or indent >= container.needed:
            # In a code block, a line with too little indentation is inside all the same: models miscount.
            if body and self._leaf is not _Leaf.FENCED:
                # The lines inside may have less indentation than the number is wide: that is then what they all have.
                container.offset = min(indent, container.offset)
            removed = min(indent, container.offset)
            if removed:
                self._head = " " * (indent - removed) + body
        else:
            self._state = _LineState.START
            return True
        self._matched += 1
        return True

    def _start(self, whole: bool) -> bool:
        indent, body = self._split()
        inside = self._matched == len(self._containers)
        if self._leaf is _Leaf.FENCED and inside:
            return self._fenced(indent, body, whole)
        if not body:
            if whole and not self._opened:
                self._blank(inside)
            return False
        continues = self._leaf is _Leaf.PARAGRAPH and not self._opened
        if self._candidate is not None and (done := self._below_header(body, inside, whole)) is not None:
            return done
        start = classify(
            body,
            indent,
            whole=whole,
            in_paragraph=continues,
            in_list=any(isinstance(container, _Item) for container in self._containers),
        )
        if start is None:
            return False
        if start in (Simple.QUOTE, Simple.UNDERLINE) or isinstance(start, Item):
            start = self._possible(start, inside)
        if start is Simple.TEXT and continues:
            self._events.append(Signal.BREAK)
            return self._words(body)
        if start is Simple.ROW and inside and self._leaf is _Leaf.TABLE:
            self._row(body)
            return False
        if start is Simple.INDENTED and inside and self._leaf is _Leaf.INDENTED:
            return self._indented(indent, body)
        # The last line of a paragraph may be a table's header.
        if not (start is Simple.ROW and inside and continues):
            self._end_leaf()
        sibling = None if inside else self._containers[self._matched]
        self._close_to(self._matched)
        return self._begin(start, indent, body, sibling)

    def _possible(self, start: Start, inside: bool) -> Start:
        if start is Simple.UNDERLINE:
            return start if inside else Simple.TEXT
        return start if self._matched < DEEPEST else Simple.TEXT

    def _begin(self, start: Start, indent: int, body: str, sibling: _Quote | _Item | None) -> bool:
        match start:
            case Simple.TEXT:
                self._leaf = _Leaf.PARAGRAPH
                self._events.append(Signal.PARAGRAPH)
                return self._words(body)
            case Heading():
                self._events.append(HeadingBegin(start.level))
                # Keeps the blank, which separates closing marks from the text, also if there is no text.
                self._head, self._state = body[start.level :], _LineState.HEADING
                return True
            case Simple.QUOTE:
                self._events.append(Signal.QUOTE)
                self._contain(_Quote(), body[1:].removeprefix(" "))
                return True
            case Item():
                self._item(start, indent, body, sibling)
                return True
            case Fence():
                self._leaf = _Leaf.FENCED
                self._fence, self._fence_indent = start.mark, indent
                self._events.append(CodeBegin(start.info))
            case Simple.INDENTED:
                self._leaf = _Leaf.INDENTED
                self._events.append(CodeBegin(""))
                return self._indented(indent, body)
            case Simple.ROW:
                self._candidate = body
            case Simple.RULE:
                self._events.append(Signal.RULE)
            case Simple.UNDERLINE:
                self._events.append(Signal.DOUBLE_RULE)
        return False

    def _blank(self, inside: bool) -> None:
        if inside and self._leaf is _Leaf.INDENTED:
            self._blanks += 1
            return
        self._end_leaf()
        self._close_to(self._matched)
        self._events.append(Signal.GAP)

    # Paragraphs and headings

    def _words(self, body: str) -> bool:
        self._events.append(Words(body))
        self._head, self._state = "", _LineState.WORDS
        return False

    def _heading(self, whole: bool) -> bool:
        """Emit the text, but keep what may be the heading's closing marks."""
        words = self._head.rstrip(" \t")
        unmarked = words.rstrip("#")
        if unmarked.endswith((" ", "\t")):
            words = unmarked.rstrip(" \t")
        end = len(words)
        if end:
            self._events.append(Words(self._head[:end]))
        self._head = self._head[end:]
        if len(self._head) > LONGEST_LINE:
            self._events.append(Words(self._head[:LONGEST_LINE]))
            self._head = self._head[LONGEST_LINE:]
            return True
        return False

    # Quotes and lists

    def _contain(self, container: _Quote | _Item, rest: str) -> None:
        self._containers.append(container)
        self._matched = len(self._containers)
        self._opened = True
        self._head = rest

    def _item(self, start: Item, indent: int, body: str, sibling: _Quote | _Item | None) -> None:
        number = start.number
        if isinstance(sibling, _Item) and sibling.mark == start.mark and sibling.number is not None:
            number = sibling.number + 1
        depth = sum(isinstance(container, _Item) and container.number is None for container in self._containers)
        self._events.append(ItemBegin("" if number is None else f"{number}{start.mark}", depth, start.done))
        item = _Item(start.mark, number, indent + start.offset, indent + min(start.offset, 2))
        self._contain(item, body[start.skip :])

    def _close_to(self, count: int) -> None:
        if closed := len(self._containers) - count:
            self._events.append(Close(closed))
            del self._containers[count:]

    def _end_leaf(self) -> None:
        if self._candidate is not None:
            self._flush_candidate()
        if self._rows is not None:
            self._events.append(self._rows.take())
            self._rows = None
        if self._leaf in (_Leaf.FENCED, _Leaf.INDENTED):
            self._events.append(Signal.CODE_END)
            if self._blanks:
                self._events.append(Signal.GAP)
                self._blanks = 0
        self._leaf = _Leaf.NONE

    # Tables

    def _below_header(self, body: str, inside: bool, whole: bool) -> bool | None:
        """Look at the line after one that may be a header: `None` when it is to be looked at as any other."""
        assert self._candidate is not None
        if inside and body[0] == "|" and len(body) <= LONGEST_LINE:
            if not whole:
                return False
            columns = alignments(self._candidate, body)
            if columns is not None:
                header, self._candidate = self._candidate, None
                self._end_leaf()
                self._leaf, self._rows = _Leaf.TABLE, Rows(header, columns)
                return False
        self._flush_candidate()
        return True

    def _flush_candidate(self) -> None:
        assert self._candidate is not None
        begin = Signal.BREAK if self._leaf is _Leaf.PARAGRAPH else Signal.PARAGRAPH
        self._events += [begin, Words(self._candidate), Signal.LINE_END]
        self._leaf, self._candidate = _Leaf.PARAGRAPH, None

    def _row(self, body: str) -> None:
        assert self._rows is not None
        if self._rows.full:
            self._events.append(self._rows.take())
        self._rows.add(body)

    # Code

    def _fenced(self, indent: int, body: str, whole: bool) -> bool:
        if not whole and len(self._head) <= LONGEST_LINE:
            return False
        if len(self._head) <= LONGEST_LINE and self._closes_fence(indent, body):
            self._leaf = _Leaf.NONE
            self._events.append(Signal.CODE_END)
            return False
        if removed := min(indent, self._fence_indent):
            self._head = " " * (indent - removed) + body
        self._state = _LineState.CODE
        return True

    def _closes_fence(self, indent: int, body: str) -> bool:
        marks = body.rstrip(" \t")
        extra_indent = indent - self._fence_indent
        return len(marks) >= len(self._fence) and not marks.strip(self._fence[0]) and extra_indent < CODE_INDENTATION

    def _indented(self, indent: int, body: str) -> bool:
        self._events += [CodeLine("")] * self._blanks
        self._blanks = 0
        self._head = " " * (indent - CODE_INDENTATION) + body
        self._state = _LineState.CODE
        return True

    def _code(self, whole: bool) -> bool:
        if len(self._head) > LONGEST_LINE:
            self._events.append(CodeLine(self._head[:LONGEST_LINE], ended=False))
            self._head = self._head[LONGEST_LINE:]
            return True
        if whole:
            self._events.append(CodeLine(self._head))
        return False
