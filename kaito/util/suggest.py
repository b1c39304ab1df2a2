"""The nearest name to one that does not exist."""

from __future__ import annotations

from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most like `name`; `None` when none is."""
    return next(iter(near_names(name, known, most=1)), None)


def near_names(name: str, known: Iterable[str], *, most: int = 3) -> list[str]:
    """Return up to `most` known names that are like `name`, the nearest first."""
    from difflib import get_close_matches

    return get_close_matches(name, list(known), n=most)
