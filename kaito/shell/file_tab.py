"""What Tab makes of a file's name, which commands take in quotes, with backslashes before blanks, or bare."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

_QUOTES = ('"', "'")
# What a backslash stands before, so that it is the name's.
_SPECIAL = re.compile(r"""([\s"'])""")
_ESCAPED = re.compile(r"""\\([\s"'])""")
_BLANK = re.compile(r"(?<!\\)\s")


def file_names(typed: str, *, only: bool) -> list[str]:
    """Return what arguments may become that begin with a file's name; folders end with a separator.

    Args:
        typed: what there is of them.
        only: whether nothing can follow the name, so that it may hold blanks as they are.
    """
    quote = typed[0] if typed.startswith(_QUOTES) else ""
    if quote:
        if quote in typed[1:]:
            return []
        return [f"{quote}{name}{'' if _is_folder(name) else quote}" for name in _names(typed[1:]) if quote not in name]
    # A backslash of the name itself would be taken for one of ours.
    names = [name for name in _names(_ESCAPED.sub(r"\1", typed)) if not _ESCAPED.search(name)]
    if _BLANK.search(typed):
        return [name for name in names if not name.startswith(_QUOTES)] if only else []
    return [_SPECIAL.sub(r"\\\1", name) for name in names]


def _names(begun: str) -> Iterator[str]:
    """Yield the names that one may become, with the folder as it was written."""
    folder, rest = os.path.split(begun)
    head = begun[: len(begun) - len(rest)]
    try:
        with os.scandir(Path(folder or ".").expanduser()) as entries:
            found = sorted((entry.name, entry.is_dir()) for entry in entries)
    except (OSError, RuntimeError, ValueError):  # no such folder, or nobody's home
        return
    for name, is_folder in found:
        # Hidden ones only to those who look for them.
        if name.startswith(rest) and (rest or not name.startswith(".")):
            yield head + name + (os.sep if is_folder else "")


def _is_folder(name: str) -> bool:
    return name.endswith(os.sep)
