"""Suggests existing names for one that does not exist."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most like `name`; `None` when none is."""
    return next(iter(near_names(name, known, most=1)), None)


def near_names(name: str, known: Iterable[str], *, most: int = 3, least: float = 0.6) -> list[str]:
    """Return up to `most` known names that are like `name`, the nearest first.

    Args:
        least: how like a name must be, from 0.0 to 1.0.
    """
    from difflib import get_close_matches

    return get_close_matches(name, list(known), n=most, cutoff=least)


def listed(names: Sequence[str], most: int) -> str:
    """Return the first names for a message, up to `most`, and the number of the others."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def near_or_listed(name: str, known: Sequence[str], most: int) -> str:
    """Return a hint that suggests the nearest names, or lists up to `most` of those that exist."""
    near = near_names(name, known)
    return f"Did you mean {' or '.join(near)}?" if near else f"It lists {listed(known, most)}"
