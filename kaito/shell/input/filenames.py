"""The file that a command's arguments name, and what Tab makes of a name: in quotes, with backslashes, or bare."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from kaito.errors import UsageError

# In quotes; or up to a blank that no backslash stands before. Any other backslash is the name's, as on Windows.
_QUOTED = re.compile(r"""(["'])(.+?)\1(?=\s|$)""", re.DOTALL)
_BARE = re.compile(r"""(?:\\[\s"']|\S)+""")
_ESCAPED = re.compile(r"""\\([\s"'])""")
_QUOTES = ('"', "'")
# What gets a backslash.
_SPECIAL = re.compile(r"""([\s"'])""")
_BLANK = re.compile(r"(?<!\\)\s")


def first_name(arguments: str) -> tuple[str, str]:
    """Return the name that arguments begin with, `""` for none, and what follows it.

    A name with blanks stands in quotes, or has a backslash before each.
    """
    if match := _QUOTED.match(arguments):
        name = match[2]
    elif match := _BARE.match(arguments):
        name = _ESCAPED.sub(r"\1", match[0])
    else:
        return "", ""
    return name, arguments[match.end() :].strip()


def only_name(command: str, arguments: str) -> Path:
    """Return the file that all of the arguments name; blanks need no quotes then.

    Raises:
        UsageError: there is none.
    """
    name, rest = first_name(arguments)
    return path_of(command, _ESCAPED.sub(r"\1", arguments) if rest else name)


def path_of(command: str, name: str) -> Path:
    """Return the path of a name, in which `~` is a home folder.

    Raises:
        UsageError: the name is empty, or cannot be one.
    """
    if not name or "\0" in name:
        raise UsageError(f"{command}: needs the name of a file")
    try:
        return Path(name).expanduser()
    except RuntimeError:
        raise UsageError(f"{command}: nobody's home folder is known for '{name}'") from None


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
