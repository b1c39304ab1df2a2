"""Reads `config.toml`, and finds the line of a value in it for error messages."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from kaito.errors import UsageError
from kaito.util import limits
from kaito.util.program import program_name
from kaito.util.safe_files import UnreadableError, check_private, read_text
from kaito.util.user_folders import shown_path

#: The last line of the file's errors: how to correct it.
EDIT_HINT = f"'{program_name()} config edit' opens the file; --no-config ignores it"


class ConfigFile(Struct, frozen=True):
    """The file and what it contains."""

    path: Path
    text: str
    document: dict[str, Any]
    #: Why it should not be trusted, such as that others can write it; `""` if it can be.
    warning: str = ""

    def at(self, keys: Sequence[str] = ()) -> str:
        """Return the place of a value for a message, such as `~/.config/kaito/config.toml, line 3`."""
        line = line_of(self.text, keys) if keys else None
        return shown_path(self.path) + (f", line {line}" if line is not None else "")


def read_config(path: Path) -> ConfigFile:
    """Return the file.

    Raises:
        UsageError: it cannot be read, or is not TOML.
    """
    warning = ""
    try:
        check_private(path)
    except OSError as exc:
        warning = (exc.strerror or "").replace(str(path), shown_path(path), 1)
    try:
        text = read_text(path, limits.SETTINGS_FILE)
    except UnreadableError as exc:
        raise _unreadable(path, str(exc)) from None
    try:
        return ConfigFile(path, text, tomllib.loads(text), warning)
    except RecursionError:
        raise UsageError(f"{shown_path(path)} is not valid TOML: it is nested too deeply", EDIT_HINT) from None
    except ValueError as exc:
        # Nothing of the file is quoted: the line may hold a secret.
        place = re.search(r"\(at line (\d+), column (\d+)\)", str(exc))
        where = f"line {place[1]}, column {place[2]}" if place else f"line {len(text.splitlines())}"
        raise UsageError(f"{shown_path(path)}, {where}: this is not valid TOML", _reason(exc), EDIT_HINT) from None


def _unreadable(path: Path, reason: str) -> UsageError:
    return UsageError(f"Cannot read {shown_path(path)}: {reason}", "--no-config ignores the file")


def _reason(exc: ValueError) -> str:
    """Return why a text is not TOML, without the place and without what the parser quotes."""
    text = re.sub(r" \(at .*\)$", "", str(exc), flags=re.DOTALL)
    for pattern, reason in _REASONS:
        if pattern.match(text):
            return reason
    # What TOML expects is not of the file.
    return text if _EXPECTED.match(text) else re.sub(r"""(['"(]).*""", "…", text, flags=re.DOTALL)


# Messages that quote only what TOML expects, and nothing of the file.
_EXPECTED = re.compile(r"Expected '[^']{1,3}' ")
_TWICE = "This key or table is in the file twice"
_OPEN = "A text is not ended: it needs a quotation mark at its end, and three at both ends if it has several lines"
_ESCAPE = r"In double quotes, a backslash begins a character such as \n; write \\, or use single quotes"
#: The parser's messages that quote the file, or that say little to someone who does not know TOML.
_REASONS = tuple(
    (re.compile(pattern), reason)
    for pattern, reason in (
        ("Cannot declare|Cannot overwrite|Cannot redefine|Duplicate", _TWICE),
        ("Cannot mutate", "Nothing can be added to a table in braces, or to a list, after its end"),
        (r"Illegal character '\\[nr]|Found invalid character '\\[nr]|Unterminated|Expected \"'+\"", _OPEN),
        ("Illegal character|Found invalid character", "It has a control character"),
        ("Unescaped|Invalid hex|Escaped character", _ESCAPE),
        ("Invalid statement", 'Expected a line such as [defaults] or namespace = "team-a"'),
        ("Invalid value", 'Expected "text", a number, true, false, [a list] or { a table }'),
    )
)


#: How often the beginning of a file is parsed to find a line.
_MOST_PARSED = 100


def line_of(text: str, keys: Sequence[str]) -> int | None:
    """Return the number of the line where a value is set; `None` if it cannot be found.

    Args:
        keys: those of the tables around the value, then its own.
    """
    # tomllib reports no line numbers. The line is the last one with the key of which the text above does not set the
    # value yet.
    lines = text.split("\n")
    found = None
    for number in [number for number, line in enumerate(lines) if keys[-1] in line][:_MOST_PARSED]:
        try:
            before = tomllib.loads("\n".join(lines[:number]))
        except (ValueError, RecursionError):
            continue  # the text ends within a value of several lines
        if _has(before, keys):
            break
        found = number + 1
    return found


def _has(document: Any, keys: Sequence[str]) -> bool:
    for key in keys:
        if not isinstance(document, dict) or key not in document:
            return False
        document = document[key]
    return True
