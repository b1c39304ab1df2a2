"""What stands within a line: emphasis, code, links; each is settled as early as the text allows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.entities import html5
from typing import NamedTuple

#: How a span looks; several may be set.
BOLD, ITALIC, STRIKE, CODE, LINK, URL = (1 << bit for bit in range(6))

#: Characters for which an open mark holds text back. What is still open then is taken literally.
HOLD = 500

_PLAIN = re.compile(r"[^\\`*_~\[\]!<&]+")
_TICKS = re.compile("`+")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_LONGEST_EMPHASIS = 3
_LONGEST_TICKS = 32

# Nothing here tries a second way to read the same blanks: hostile ones would take it for ever.
_PLACE = r"(?:[^\s()<>]|\([^\s()<>]*+\))*+"
_TARGET = re.compile(rf"""\( *+(?:<([^<>]*+)>|({_PLACE}))(?: ++(?:"[^"]*+"|'[^']*+'|\([^()]*+\)))? *+\)""")
_TARGET_BEGUN = re.compile(
    rf"\( *+(?:<[^<>]*+|{_PLACE}(?:\([^\s()<>]*+)?|"
    rf"""(?:<[^<>]*+>|{_PLACE})(?: ++(?:"[^"]*+"?|'[^']*+'?|\([^()]*+\)?)?)? *+)"""
)
_AUTOLINK = re.compile(r"<([A-Za-z][A-Za-z0-9+.-]{1,31}:[^\s<>]*)>")
_LINE_BREAK = re.compile(r"<br */?>", re.IGNORECASE)
_ANGLE_BEGUN = re.compile(r"<(?:[A-Za-z][A-Za-z0-9+.-]{0,31}(?::[^\s<>]*)?|br */?)?", re.IGNORECASE)
_ENTITY = re.compile(r"&(#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_ENTITY_BEGUN = re.compile(r"&(?:#[0-9]{0,7}|#[xX][0-9a-fA-F]{0,6}|[A-Za-z][A-Za-z0-9]{0,31})?")


class Span(NamedTuple):
    """Text that looks the same throughout. A newline in it is a line break that was asked for."""

    text: str
    #: :data:`BOLD` and the others, combined.
    marks: int = 0


#: What breaks a line, where no other one follows.
BACKSLASH = Span("\\")


@dataclass(slots=True)
class _Node:
    text: str
    marks: int = 0


@dataclass(slots=True)
class _Opener:
    """A mark that may be closed by a later one; until then all text after it is held."""

    node: _Node
    #: The node's number in the line.
    number: int
    #: Characters of the line before it.
    at: int
    #: `*`, `_`, `~`, `[` or, for an image, `!`.
    mark: str
    #: Letters of it that nothing has closed yet.
    left: int
    length: int
    #: Whether it could close another one as well.
    closes: bool


class Inline:
    """Reads one line after the other.

    Args:
        colour: whether a span's looks can be shown. Where not, code and what is struck out keep their marks.
    """

    def __init__(self, *, colour: bool = True) -> None:
        self._colour = colour
        #: Whether the line that was ended last has a backslash at its end, which breaks it if another one follows.
        self.broken = False
        self._reset()

    def feed(self, text: str) -> list[Span]:
        """Return what the next piece of the line settles."""
        if not self._raw and not self._openers and not self._nodes and _PLAIN.fullmatch(text):
            self._at += len(text)
            self._previous, self._overlong = text[-1], False
            return [Span(text)]
        self._raw += text
        self._read(final=False)
        self._expire(self._at)
        return self._settled()

    def close(self) -> list[Span]:
        """End the line and return what was held: marks that nothing closed are taken literally."""
        self._read(final=True)
        self._openers.clear()
        spans = self._settled()
        self.broken = self._broken
        self._reset()
        return spans

    def _reset(self) -> None:
        #: What is not yet known to be a mark or not.
        self._raw = ""
        #: Characters before it.
        self._at = 0
        self._nodes: list[_Node] = []
        #: The number of the first node.
        self._first = 0
        self._openers: list[_Opener] = []
        self._previous = " "
        self._broken = False
        #: Whether a run of marks too long to mean anything came just before.
        self._overlong = False

    def _read(self, *, final: bool) -> None:
        raw, position = self._raw, 0
        start = self._at
        while position < len(raw):
            if plain := _PLAIN.match(raw, position):
                taken = self._literal(plain[0])
            else:
                self._expire(start + position)
                self._at = start + position
                taken = self._mark(raw, position, final=final)
                if not taken:
                    break
            position += taken
        self._raw, self._at = raw[position:], start + position

    def _expire(self, at: int) -> None:
        """Take openers literally that have waited too long."""
        while self._openers and at - self._openers[0].at > HOLD:
            del self._openers[0]

    def _settled(self) -> list[Span]:
        count = self._openers[0].number - self._first if self._openers else len(self._nodes)
        spans = [Span(node.text, node.marks) for node in self._nodes[:count] if node.text]
        del self._nodes[:count]
        self._first += count
        return spans

    # Each of these takes what stands at a position: it returns how many characters that was, 0 when that depends on
    # what comes next.

    def _mark(self, raw: str, position: int, *, final: bool) -> int:
        match raw[position]:
            case "*" | "_" | "~":
                return self._emphasis(raw, position, final=final)
            case "`":
                return self._code(raw, position, final=final)
            case "[":
                return self._open("[", "[")
            case "]":
                return self._bracket(raw, position, final=final)
            case "<":
                return self._angle(raw, position, final=final)
            case "&":
                return self._entity(raw, position, final=final)
        if position + 1 == len(raw) and not final:
            return 0
        following = raw[position + 1 : position + 2]
        if raw[position] == "!":
            return self._open("![", "!") if following == "[" else self._literal("!")
        if _ESCAPED.match(raw, position):
            self._literal(following)
            return 2
        if not following:
            self._broken = True
            return 1
        return self._literal("\\")

    def _literal(self, text: str, marks: int = 0) -> int:
        self._nodes.append(_Node(text, marks))
        self._previous, self._overlong = text[-1], False
        return len(text)

    def _open(self, text: str, mark: str, *, closes: bool = False) -> int:
        number = self._first + len(self._nodes)
        self._literal(text)
        opener = _Opener(self._nodes[-1], number, self._at, mark, len(text), len(text), closes)
        self._openers.append(opener)
        return len(text)

    def _emphasis(self, raw: str, position: int, *, final: bool) -> int:
        mark = raw[position]
        end = position
        while end < len(raw) and raw[end] == mark:
            end += 1
        length = end - position
        overlong = (self._overlong and self._previous == mark) or length > _LONGEST_EMPHASIS
        if end == len(raw) and not final and not overlong:
            return 0
        if overlong or (mark == "~" and length != 2):
            self._literal(raw[position:end])
            self._overlong = overlong
            return length
        opens, closes = _flanks(mark, self._previous, raw[end] if end < len(raw) else " ")
        left = self._close(mark, length, opens=opens) if closes else length
        if left and opens:
            self._open(mark * left, mark, closes=closes)
            self._openers[-1].length = length
        elif left:
            self._literal(mark * left)
        self._previous, self._overlong = mark, False
        return length

    def _close(self, mark: str, length: int, *, opens: bool) -> int:
        """Let a run close what it can, and return what is left of it."""
        left = length
        while left:
            index = self._opener(mark, length, opens=opens)
            if index is None:
                break
            opener = self._openers[index]
            used = min(2, left, opener.left)
            look = STRIKE if mark == "~" else BOLD if used == 2 else ITALIC
            for node in self._nodes[opener.number - self._first + 1 :]:
                node.marks |= look
            del self._openers[index + 1 :]
            opener.left -= used
            left -= used
            if mark == "~" and not self._colour:
                self._literal("~~")
            else:
                opener.node.text = mark * opener.left
            if not opener.left:
                del self._openers[index]
        return left

    def _opener(self, mark: str, length: int, *, opens: bool) -> int | None:
        for index in range(len(self._openers) - 1, -1, -1):
            opener = self._openers[index]
            if opener.mark in "[!":
                return None
            if opener.mark == mark and not (
                # CommonMark's rule for runs that could be both, so that `**a*b**` closes where people expect it
                (opener.closes or opens) and (opener.length + length) % 3 == 0 and (opener.length % 3 or length % 3)
            ):
                return index
        return None

    def _code(self, raw: str, position: int, *, final: bool) -> int:
        ticks = _TICKS.match(raw, position)
        assert ticks is not None
        length = len(ticks[0])
        overlong = (self._overlong and self._previous == "`") or length > _LONGEST_TICKS
        if ticks.end() == len(raw) and not final and not overlong:
            return 0
        if overlong:
            self._literal(ticks[0])
            self._overlong = True
            return length
        for closing in _TICKS.finditer(raw, ticks.end()):
            if closing.start() - position > HOLD:
                break
            if closing.end() == len(raw) and not final:
                return 0
            if len(closing[0]) == length:
                self._verbatim(raw[ticks.end() : closing.start()], ticks[0])
                return closing.end() - position
        if not final and len(raw) - position <= HOLD:
            return 0
        return self._literal(ticks[0])

    def _verbatim(self, text: str, ticks: str) -> None:
        if text[0] == text[-1] == " " and text.strip(" "):
            text = text[1:-1]
        self._literal(text if self._colour else ticks + text + ticks, CODE)
        self._previous = "`"

    def _bracket(self, raw: str, position: int, *, final: bool) -> int:
        index = next((i for i in range(len(self._openers) - 1, -1, -1) if self._openers[i].mark in "[!"), None)
        if index is None:
            return self._literal("]")
        if position + 1 == len(raw) and not final:
            return 0
        target = _TARGET.match(raw, position + 1)
        if target and target.end() - position <= HOLD:
            self._link(index, _ESCAPED.sub(r"\1", target[1] or target[2] or ""))
            return target.end() - position
        begun = _TARGET_BEGUN.fullmatch(raw, position + 1)
        if begun and not final and len(raw) - position <= HOLD:
            return 0
        del self._openers[index]
        return self._literal("]")

    def _link(self, index: int, url: str) -> None:
        opener = self._openers[index]
        label = self._nodes[opener.number - self._first + 1 :]
        opener.node.text = ""
        for node in label:
            node.marks |= LINK
        del self._openers[index:]
        if opener.mark == "[":  # a link stands in no other one
            self._openers = [other for other in self._openers if other.mark != "["]
        text = "".join(node.text for node in label)
        if url and url != text:
            if text:
                self._literal(" ")
            self._literal(f"({url})", URL)
        self._previous, self._overlong = ")", False

    def _angle(self, raw: str, position: int, *, final: bool) -> int:
        if (link := _AUTOLINK.match(raw, position)) and len(link[0]) <= HOLD:
            self._literal(link[1], LINK)
            return len(link[0])
        if (line_break := _LINE_BREAK.match(raw, position)) and len(line_break[0]) <= HOLD:
            self._literal("\n")
            return len(line_break[0])
        if not final and len(raw) - position <= HOLD and _ANGLE_BEGUN.fullmatch(raw, position):
            return 0
        return self._literal("<")

    def _entity(self, raw: str, position: int, *, final: bool) -> int:
        if entity := _ENTITY.match(raw, position):
            self._literal(_named(entity[1]) or entity[0])
            return len(entity[0])
        if not final and _ENTITY_BEGUN.fullmatch(raw, position):
            return 0
        return self._literal("&")


def _flanks(mark: str, before: str, after: str) -> tuple[bool, bool]:
    """Return whether a run of marks between two characters can open, and whether it can close.

    Other than in CommonMark, letters beside a closing `**` do not matter: `**Note:**text` and Chinese are common.
    """
    opens, closes = not after.isspace(), not before.isspace()
    if mark == "_":
        return opens and not before.isalnum(), closes and not after.isalnum()
    return opens, closes


def _named(name: str) -> str:
    """Return the text that an entity stands for, `""` when it is none or nothing to be shown."""
    if name[0] != "#":
        text = html5.get(name + ";", "")
    else:
        number = int(name[2:], 16) if name[1] in "xX" else int(name[1:])
        text = chr(number) if number <= 0x10FFFF else ""
    return text if all(letter.isprintable() or letter == "\xa0" for letter in text) else ""


def spans_of(text: str, *, colour: bool = True) -> list[Span]:
    """Return a whole line's spans."""
    inline = Inline(colour=colour)
    spans = [*inline.feed(text), *inline.close()]
    return [*spans, BACKSLASH] if inline.broken else spans
