"""Parses file names in the arguments of commands, which may be quoted or escaped, and completes them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from kaito.errors import UsageError
from kaito.util.user_files import named_path

# Quoted; or up to a blank without a backslash before it. Any other backslash is part of the name, as on Windows.
_QUOTED = re.compile(r"""(["'])(.+?)\1(?=\s|$)""", re.DOTALL)
_BARE = re.compile(r"""(?:\\[\s"']|\S)+""")
_ESCAPED = re.compile(r"""\\([\s"'])""")
_QUOTES = ('"', "'")
# Characters that completion escapes.
_SPECIAL = re.compile(r"""([\s"'])""")
_BLANK = re.compile(r"(?<!\\)\s")


def first_name(arguments: str) -> tuple[str, str]:
    """Return the file name at the start of the arguments, `""` for none, and the rest.

    A name with blanks must be quoted, or have a backslash before each blank.
    """
    if match := _QUOTED.match(arguments):
        name = match[2]
    elif match := _BARE.match(arguments):
        name = _ESCAPED.sub(r"\1", match[0])
    else:
        return "", ""
    return name, arguments[match.end() :].strip()


def only_name(command: str, arguments: str) -> Path:
    """Return the path when the arguments are one file name, in which blanks need no quotes.

    Raises:
        UsageError: there is no name.
    """
    name, rest = first_name(arguments)
    return path_of(command, _ESCAPED.sub(r"\1", arguments) if rest else name)


def path_of(command: str, name: str) -> Path:
    """Return the path of a name with `~` expanded.

    Raises:
        UsageError: the name is empty or not valid.
    """
    if not name or "\0" in name:
        raise UsageError(f"{command}: needs a file name")
    try:
        return named_path(name)
    except OSError:
        raise UsageError(f"{command}: the home folder of '{name}' is unknown") from None


def file_names(typed: str, *, only: bool) -> list[str]:
    """Complete arguments that begin with a file name; folders end with a separator.

    Args:
        only: whether nothing can follow the name: blanks that are typed then need no escape. Those of names that are
            found are escaped.
    """
    quote = typed[0] if typed.startswith(_QUOTES) else ""
    if quote:
        if quote in typed[1:]:
            return []
        return [
            f"{quote}{name}{'' if _is_folder(name) else quote}" for name in found_names(typed[1:]) if quote not in name
        ]
    # A backslash in the name itself would be read as an escape.
    names = [name for name in found_names(_ESCAPED.sub(r"\1", typed)) if not _ESCAPED.search(name)]
    if _BLANK.search(typed):
        return [name for name in names if not name.startswith(_QUOTES)] if only else []
    return [_SPECIAL.sub(r"\\\1", name) for name in names]


def found_names(begun: str) -> Iterator[str]:
    """Yield the file names that begin with a text, with the folder as it was typed; folders end with a separator."""
    folder, rest = os.path.split(begun)
    head = begun[: len(begun) - len(rest)]
    try:
        with os.scandir(Path(folder or ".").expanduser()) as entries:
            names = sorted((entry.name, entry.is_dir()) for entry in entries)
    except (OSError, RuntimeError, ValueError):  # no such folder or user
        return
    for name, is_folder in names:
        # Hidden files only after a typed dot.
        if name.startswith(rest) and (rest or not name.startswith(".")):
            yield head + name + (os.sep if is_folder else "")


def _is_folder(name: str) -> bool:
    return name.endswith(os.sep)
