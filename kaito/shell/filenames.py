"""The file that a command's arguments name."""

from __future__ import annotations

import re
from pathlib import Path

from kaito.errors import UsageError

# In quotes; or up to a blank that no backslash stands before. Any other backslash is the name's, as on Windows.
_QUOTED = re.compile(r"""(["'])(.+?)\1(?=\s|$)""", re.DOTALL)
_BARE = re.compile(r"""(?:\\[\s"']|\S)+""")
_ESCAPED = re.compile(r"""\\([\s"'])""")


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
