"""Text from outside, made harmless for a terminal: no control sequence, no bidirectional control leaves here.

The shapes of control sequences are ECMA-48's (section 5); how long a terminal waits for their end is bounded here.
"""

import re
from enum import Enum, auto

#: Characters after which a control string (OSC, DCS, …) that does not end is given up and text is shown again.
LONGEST_STRING = 4096
#: The same for a CSI sequence.
LONGEST_CSI = 128

#: C0 without tab and newline, DEL, C1, and the characters that reorder what stands around them.
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
    """Removes control sequences whole from text that arrives in pieces, also when one is cut by a piece's end."""

    def __init__(self) -> None:
        self._state = _State.GROUND
        self._swallowed = 0

    def feed(self, text: str) -> str:
        """Return what of the next piece may be shown."""
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
            if self._take(text[position]):
                position += 1
        return "".join(shown)

    def _take(self, character: str) -> bool:
        """Swallow one character, or return `False` when it begins something new and is to be looked at again."""
        self._swallowed += 1
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
                elif not " " <= character <= "?" or self._swallowed > LONGEST_CSI:
                    self._state = _State.GROUND
                    return False
            case _State.STRING:
                if character == _ESC:
                    self._state = _State.STRING_ESCAPE
                elif character in _STRING_ENDS:
                    self._state = _State.GROUND
                elif self._swallowed > LONGEST_STRING:
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
        self._swallowed = 0


def sanitize(text: str) -> str:
    """Return a whole text without control sequences."""
    return text if UNSAFE.search(text) is None else Sanitizer().feed(text)


def one_line(text: str) -> str:
    """Return a whole text without control sequences and line breaks."""
    return " ".join(sanitize(text).split())
