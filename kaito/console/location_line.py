"""Lays out the line with the location of the chat: context, namespace, backend."""

from __future__ import annotations

from collections.abc import Sequence

from kaito.console.width import shorten_middle, width
from kaito.util.sanitize import one_line

#: The names of values are left out before a value is shortened to fewer columns than this.
_LEAST = 16


def location_line(place: Sequence[tuple[str, str]], columns: int) -> str:
    """Return one line in parentheses that fits; without the names of its values if there is no room for them.

    Args:
        place: values with their names, such as `context`.
        columns: the most that it may have.
    """
    named = list(place)
    values = [one_line(value) for _, value in named]
    labels = [f"{name} " for name, _ in named]
    around = sum(map(len, labels)) + len("()") + 2 * (len(named) - 1)
    if around + sum(min(width(value), _LEAST) for value in values) > columns:
        labels = [""] * len(named)
        around = len("()") + 2 * (len(named) - 1)
    widths = [width(value) for value in values]
    while sum(widths) + around > columns and max(widths, default=0) > 1:
        widths[widths.index(max(widths))] -= 1
    shown = (shorten_middle(value, room) for value, room in zip(values, widths, strict=True))
    return f"({', '.join(label + value for label, value in zip(labels, shown, strict=True))})" if named else ""
