"""Parses the spans of a streamed line: emphasis, code, links. A span is final as early as possible."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.entities import html5
from typing import NamedTuple

from kaito_rich.links import CurrentWord, continues_address, misleads, opened_address

#: The styles of a span, which can be combined.
BOLD, ITALIC, STRIKE, CODE, LINK, URL = (1 << bit for bit in range(6))

#: The maximum distance of a closing mark, in characters. An opening mark without one becomes text.
HOLD = 500

_PLAIN = re.compile(r"[^\\`*_~\[\]!<&]+")
_TICKS = re.compile("`+")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
#: Characters before which a backslash stays: in practice it escapes nothing there, and belongs to LaTeX, as in `\(x\)`
#: and `\[x\]`, or to a path.
_KEPT = frozenset("()[]{},;:/?@^%='\"")
_LONGEST_EMPHASIS = 3
_LONGEST_TICKS = 32

# No pattern backtracks over blanks, so that hostile input cannot make matching slow.
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
    """Text with one style. A newline in it is an explicit line break."""

    text: str
    #: A combination of :data:`BOLD` and the other styles.
    marks: int = 0
    #: The address that the terminal opens.
    link: str = ""


#: The backslash of a line break after which no line follows.
BACKSLASH = Span("\\")


@dataclass(slots=True)
class _Node:
    text: str
    marks: int = 0
    link: str = ""


@dataclass(slots=True)
class _Opener:
    """An opening mark that a later mark may close. The text after it is pending."""

    node: _Node
    #: The number of the node in the line.
    number: int
    #: The position in the line.
    at: int
    #: `*`, `_`, `~`, `[` or, for an image, `!`.
    mark: str
    #: The number of its characters that are still open.
    left: int
    length: int
    #: Whether it could close another mark as well.
    closes: bool


class Inline:
    """The parser of spans, one line after another.

    Args:
        colour: whether styles can be shown. If not, code and struck-out text keep their marks.
        links: whether the terminal has links. If not, addresses are shown.
    """

    def __init__(self, *, colour: bool = True, links: bool = False) -> None:
        self._colour = colour
        self._links = links
        #: Whether the last line ended with a backslash, which is a line break if another line follows.
        self.broken = False
        self._reset()

    def feed(self, text: str) -> list[Span]:
        """Parse the next piece of the line; return the spans that are final."""
        if not self._raw and not self._openers and not self._nodes and _PLAIN.fullmatch(text):
            self._at += len(text)
            self._previous, self._overlong = text[-1], False
            self._word.add(text)
            return [Span(text)]
        self._raw += text
        self._read(final=False)
        self._expire(self._at)
        return self._settled()

    def close(self) -> list[Span]:
        """End the line; return the pending spans. Unclosed marks become text."""
        self._read(final=True)
        self._openers.clear()
        spans = self._settled()
        self.broken = self._broken
        self._reset()
        return spans

    def _reset(self) -> None:
        #: The text that is not parsed yet.
        self._raw = ""
        #: The position of that text in the line.
        self._at = 0
        self._nodes: list[_Node] = []
        #: The number of the first node.
        self._first = 0
        self._openers: list[_Opener] = []
        self._previous = " "
        self._broken = False
        #: Whether the previous characters are a run of marks that is too long to have a meaning.
        self._overlong = False
        self._word = CurrentWord()

    def _read(self, *, final: bool) -> None:
        raw, position = self._raw, 0
        start = self._at
        while position < len(raw):
            if plain := _PLAIN.match(raw, position):
                consumed = self._literal(plain[0])
            else:
                self._expire(start + position)
                self._at = start + position
                consumed = self._mark(raw, position, final=final)
                if not consumed:
                    break
            position += consumed
        self._raw, self._at = raw[position:], start + position

    def _expire(self, at: int) -> None:
        """Turn opening marks that are too far back into text."""
        while self._openers and at - self._openers[0].at > HOLD:
            del self._openers[0]

    def _settled(self) -> list[Span]:
        count = self._openers[0].number - self._first if self._openers else len(self._nodes)
        spans = [Span(node.text, node.marks, node.link) for node in self._nodes[:count] if node.text]
        del self._nodes[:count]
        self._first += count
        return spans

    # Each of these methods parses the text at a position. It returns the number of characters that it consumed; 0 means
    # that the result depends on the text that follows.

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
            return self._escaped(raw, position, final=final)
        if not following:
            self._broken = True
            return 1
        return self._literal("\\")

    def _escaped(self, raw: str, position: int, *, final: bool) -> int:
        character = raw[position + 1]
        if character in "\\!":
            # `\\server\share` is a path; `\!` escapes an image only.
            if position + 2 == len(raw) and not final:
                return 0
            after = raw[position + 2 : position + 3]
            kept = after.isalnum() if character == "\\" else after != "["
        elif character == ".":
            kept = not self._previous.isdigit()  # `1\.` is not an item of a list
        else:
            kept = character in _KEPT
        self._literal("\\" + character if kept else character)
        return 2

    def _literal(self, text: str, marks: int = 0) -> int:
        self._nodes.append(_Node(text, marks))
        self._previous, self._overlong = text[-1], False
        if marks:
            self._word.end()
        else:
            self._word.add(text)
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
        after = raw[end] if end < len(raw) else " "
        opens, closes = _flanks(mark, self._previous, after)
        if self._word.is_address:
            opens, closes = False, closes and not continues_address(after)
        left = self._close(mark, length, opens=opens) if closes else length
        if left and opens:
            self._open(mark * left, mark, closes=closes)
            self._openers[-1].length = length
        elif left:
            self._literal(mark * left)
        self._previous, self._overlong = mark, False
        return length

    def _close(self, mark: str, length: int, *, opens: bool) -> int:
        """Close opening marks with a run of marks; return the number of marks that are left."""
        left = length
        while left:
            index = self._opener(mark, length, opens=opens)
            if index is None:
                break
            opener = self._openers[index]
            used = min(2, left, opener.left)
            style = STRIKE if mark == "~" else BOLD if used == 2 else ITALIC
            for node in self._nodes[opener.number - self._first + 1 :]:
                node.marks |= style
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
                # CommonMark's rule for runs that can both open and close, for `**a*b**`
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
        text = "".join(node.text for node in label)
        address = opened_address(url) if self._links else ""
        opener.node.text = ""
        for node in label:
            node.marks |= LINK
            node.link = address
        del self._openers[index:]
        if opener.mark == "[":  # links are not nested
            self._openers = [other for other in self._openers if other.mark != "["]
        if url and url != text and (not address or not text.strip() or misleads(text, url)):
            if text:
                self._literal(" ")
            self._literal(f"({url})", URL)
        self._previous, self._overlong = ")", False
        self._word.end()

    def _angle(self, raw: str, position: int, *, final: bool) -> int:
        if (link := _AUTOLINK.match(raw, position)) and len(link[0]) <= HOLD:
            self._literal(link[1], LINK)
            self._nodes[-1].link = opened_address(link[1]) if self._links else ""
            return len(link[0])
        if (line_break := _LINE_BREAK.match(raw, position)) and len(line_break[0]) <= HOLD:
            self._literal("\n")
            return len(line_break[0])
        if not final and len(raw) - position <= HOLD and _ANGLE_BEGUN.fullmatch(raw, position):
            return 0
        return self._literal("<")

    def _entity(self, raw: str, position: int, *, final: bool) -> int:
        if entity := _ENTITY.match(raw, position):
            self._literal(_entity_text(entity[1]) or entity[0])
            return len(entity[0])
        if not final and _ENTITY_BEGUN.fullmatch(raw, position):
            return 0
        return self._literal("&")


def _flanks(mark: str, before: str, after: str) -> tuple[bool, bool]:
    """Return whether a run of marks between two characters can open, and whether it can close.

    Unlike in CommonMark, a letter after a closing `**` does not matter: `**Note:**text` and Chinese text are common.
    And nothing begins within a Latin word: `2*3*4` is a product.
    """
    opens, closes = not after.isspace(), not before.isspace()
    if mark == "*" and (before + after).isascii() and before.isalnum() and after.isalnum():
        opens = False
    if mark == "_":
        return opens and not before.isalnum(), closes and not after.isalnum()
    return opens, closes


def _entity_text(name: str) -> str:
    """Return the text of an entity; `""` if it is unknown or not printable."""
    if name[0] != "#":
        text = html5.get(name + ";", "")
    else:
        number = int(name[2:], 16) if name[1] in "xX" else int(name[1:])
        text = chr(number) if number <= 0x10FFFF else ""
    return text if all(letter.isprintable() or letter == "\xa0" for letter in text) else ""


def spans_of(text: str, *, colour: bool = True, links: bool = False) -> list[Span]:
    """Return the spans of a whole line."""
    inline = Inline(colour=colour, links=links)
    spans = [*inline.feed(text), *inline.close()]
    return [*spans, BACKSLASH] if inline.broken else spans
