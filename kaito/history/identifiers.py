"""Identifiers of conversations: short, easy to type, and hard to mistake for a word or a number."""

from __future__ import annotations

import os
from collections.abc import Callable

#: Digits and letters without those that look alike (0 o, 1 i l) and without vowels: no words come out.
_LETTERS = b"23456789bcdfghjkmnpqrstvwxz"
#: The character for each byte: of the first character, and of the others.
_FIRST, _REST = (bytes(letters[byte % len(letters)] for byte in range(256)) for letters in (_LETTERS[8:], _LETTERS))
#: Enough for some 10^11 identifiers.
LENGTH = 8


def new_id(random: Callable[[int], bytes] = os.urandom) -> str:
    """Return a new identifier.

    Args:
        random: returns the given number of random bytes.
    """
    data = random(LENGTH)
    # A letter first: an identifier is never taken for a number.
    return (data[:1].translate(_FIRST) + data[1:].translate(_REST)).decode()


def typed_id(text: str) -> str:
    """Return an identifier, or its beginning, as it is kept."""
    return text.strip().lower()
