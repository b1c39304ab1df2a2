"""Identifiers of conversations: short, easy to type, and hard to mistake for a word or a number."""

from __future__ import annotations

import os
from collections.abc import Callable

#: Digits and letters without those that look alike (0 o, 1 i l) and without vowels: no words come out.
_LETTERS = "23456789bcdfghjkmnpqrstvwxz"
_FIRST = _LETTERS[8:]
#: Some 10^11 identifiers.
LENGTH = 8


def new_id(random: Callable[[int], bytes] = os.urandom) -> str:
    """Return a new identifier.

    Args:
        random: returns so many bytes.
    """
    first, *rest = random(LENGTH)
    # A letter first: an identifier is never taken for a number.
    return _FIRST[first % len(_FIRST)] + "".join([_LETTERS[byte % len(_LETTERS)] for byte in rest])


def typed_id(text: str) -> str:
    """Return an identifier, or its beginning, as it is kept."""
    return text.strip().lower()
