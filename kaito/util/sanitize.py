"""Removes control sequences and bidirectional controls from text that comes from outside.

Control sequences have the forms of ECMA-48 (section 5). Unlike there, one that does not end is limited.
"""

import re
from enum import Enum, auto

#: The most characters of a control string (OSC, DCS, …): after these, text is shown again even if it has not ended.
MAX_STRING = 4096
#: The same for a CSI sequence.
MAX_CSI = 128

#: C0 without tab and newline, DEL, C1, and the characters that change the direction of text.
UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f]")

_ESC = "\x1b"
_STRING_ENDS = frozenset("\x07\x18\x1a\x9c")
_STRING_STARTS = frozenset("]PX^_\x90\x98\x9d\x9e\x9f")


class _State(Enum):
    GROUND = auto()
    ESCAPE = auto()
    CSI = auto()
    STRING = auto()
    STRING_ESCAPE = auto()


class Sanitizer:
    """Removes control sequences from text that arrives in pieces, also those that are split between pieces."""

    def __init__(self) -> None:
        self._state = _State.GROUND
        #: Characters of the current sequence so far.
        self._length = 0

    def feed(self, text: str) -> str:
        """Return the part of the next piece that may be shown."""
        if self._state is _State.GROUND and UNSAFE.search(text) is None:
            return text
        shown: list[str] = []
        position = 0
        while position < len(text):
            if self._state is _State.GROUND:
                match = UNSAFE.search(text, position)
                if match is None:
                    shown.append(text[position:])
                    break
                shown.append(text[position : match.start()])
                position = match.start()
            if self._consume(text[position]):
                position += 1
        return "".join(shown)

    def _consume(self, character: str) -> bool:
        """Drop one character, or return `False` if it is not part of the current sequence."""
        self._length += 1
        match self._state:
            case _State.GROUND:
                self._begin(character)
            case _State.ESCAPE:
                if character == "[":
                    self._enter(_State.CSI)
                elif character in "]PX^_":
                    self._enter(_State.STRING)
                elif character == _ESC or " " <= character <= "/":
                    pass
                else:
                    self._state = _State.GROUND
                    return "0" <= character <= "~"
            case _State.CSI:
                if "@" <= character <= "~":
                    self._state = _State.GROUND
                elif not " " <= character <= "?" or self._length > MAX_CSI:
                    self._state = _State.GROUND
                    return False
            case _State.STRING:
                if character == _ESC:
                    self._state = _State.STRING_ESCAPE
                elif character in _STRING_ENDS:
                    self._state = _State.GROUND
                elif self._length > MAX_STRING:
                    self._state = _State.GROUND
                    return False
            case _State.STRING_ESCAPE:
                if character == "\\":
                    self._state = _State.GROUND
                else:
                    self._enter(_State.ESCAPE)
                    return False
        return True

    def _begin(self, character: str) -> None:
        if character == _ESC:
            self._enter(_State.ESCAPE)
        elif character == "\x9b":
            self._enter(_State.CSI)
        elif character in _STRING_STARTS:
            self._enter(_State.STRING)

    def _enter(self, state: _State) -> None:
        self._state = state
        self._length = 0


def sanitize(text: str) -> str:
    """Return a complete text without control sequences."""
    return text if UNSAFE.search(text) is None else Sanitizer().feed(text)


def one_line(text: str) -> str:
    """Return a complete text as one line without control sequences."""
    return " ".join(sanitize(text).split())
