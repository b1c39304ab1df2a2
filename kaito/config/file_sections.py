"""The tables of the file: `[defaults]`, `[profiles.NAME]`, and in each those of single commands and of variables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from kaito.config.config_file import EDIT_HINT, ConfigFile
from kaito.config.fault_reports import Report, raise_fault
from kaito.errors import UsageError
from kaito.util.secret_names import secret_key
from kaito.util.suggest import did_you_mean

#: The table with the variables of system prompts.
VARIABLES = "variables"
#: Our own flags whose names look like those of secrets.
_NO_SECRETS = frozenset({"model-access-secret"})


class Section(Struct, frozen=True, kw_only=True):
    """`[defaults]` or one profile."""

    #: The keys of its table.
    path: tuple[str, ...]
    file: ConfigFile
    #: The values for all commands that have the flag.
    values: Mapping[str, Any]
    #: The values for one command, by its name.
    commands: Mapping[str, Mapping[str, Any]]
    #: The variables of system prompts.
    variables: Mapping[str, str]

    def error(self, reason: str, *keys: str, hints: Sequence[str] = ()) -> UsageError:
        """Return the error for a value of this section, which names the place."""
        place = self.file.at((*self.path, *keys))
        table = ".".join(map(_bare_or_quoted, (*self.path, *keys[:-1])))
        name = f" {keys[-1]}:" if keys else ""
        return UsageError(f"{place}: [{table}]{name} {reason}", *(hints or [EDIT_HINT]))


class Sections(Struct, frozen=True, kw_only=True):
    """The sections of a file."""

    defaults: Section
    profiles: Mapping[str, Section]

    @property
    def all(self) -> list[Section]:
        """All sections."""
        return [self.defaults, *self.profiles.values()]


def read_sections(file: ConfigFile, is_command: Callable[[str], bool], report: Report = raise_fault) -> Sections:
    """Return the sections of a file.

    Args:
        is_command: returns whether there is a subcommand of a name.
        report: receives the error for another table, a value of another type, or a secret.
    """
    _remove_secrets(file, report)
    known = ("defaults", "profiles")
    for unknown in [name for name in file.document if name not in known]:
        place, shown = file.at((unknown,)), _bare_or_quoted(unknown)
        if not isinstance(file.document[unknown], dict):
            report(UsageError(f"{place}: {shown}: is not in a table", "Put it below a line with [defaults]"))
            continue
        near = did_you_mean(unknown, known)
        hint = f"Did you mean [{near}]?" if near else "The tables are [defaults] and [profiles.NAME]"
        report(UsageError(f"{place}: [{shown}]: there is no such table", hint))
    profiles = _table(file, ("profiles",), report)
    return Sections(
        defaults=_section(file, ("defaults",), is_command, report),
        profiles={name: _section(file, ("profiles", name), is_command, report) for name in profiles},
    )


def _remove_secrets(file: ConfigFile, report: Report) -> None:
    """Report and remove keys that are named like secrets, so that nothing can show their values."""
    while (path := secret_key(file.document, _NO_SECRETS)) is not None:
        report(
            UsageError(
                f"{file.at(path)}: {path[-1]}: a secret must not be in this file",
                'Put the key in a file of its own: api-key-file = "FILE"; or a header: header = "@FILE"',
            )
        )
        table, *keys = file.document, *path
        # A list on the path is removed entirely.
        while len(keys) > 1 and isinstance(table[keys[0]], dict):
            table = table[keys.pop(0)]
        del table[keys[0]]


def _table(file: ConfigFile, keys: tuple[str, ...], report: Report) -> dict[str, Any]:
    """Return a table; an empty one if it is missing, or not a table."""
    value: Any = file.document
    for key in keys:
        value = value.get(key, {})
    if not isinstance(value, dict):
        name = ".".join(map(_bare_or_quoted, keys))
        report(UsageError(f"{file.at(keys)}: {name}: is not a table", f"Write it as a line with [{name}]"))
        return {}
    return value


def _section(file: ConfigFile, path: tuple[str, ...], is_command: Callable[[str], bool], report: Report) -> Section:
    table = _table(file, path, report)
    commands = {name: value for name, value in table.items() if isinstance(value, dict) and is_command(name)}
    rest = {name: value for name, value in table.items() if name not in commands and name != VARIABLES}
    section = Section(file=file, path=path, values=rest, commands=commands, variables={})
    return msgspec.structs.replace(section, variables=_variables(section, table.get(VARIABLES, {}), report))


def _variables(section: Section, table: Any, report: Report) -> dict[str, str]:
    if not isinstance(table, dict):
        report(section.error('is not a table such as { lang = "French" }', VARIABLES))
        return {}
    texts = {}
    for name, value in table.items():
        if not isinstance(value, str | int | float) or isinstance(value, bool):
            report(section.error("is not text or a number", VARIABLES, name))
            continue
        texts[name] = str(value)
    return texts


def _bare_or_quoted(key: str) -> str:
    return key if key.replace("-", "").replace("_", "").isalnum() and key.isascii() else f'"{key}"'
