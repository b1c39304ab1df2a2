"""The tables of the file: `[defaults]`, `[profiles.NAME]`, and in each those of single commands and of variables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from kaito.config.config_file import EDIT_HINT, ConfigFile
from kaito.errors import UsageError
from kaito.util.secret_names import secret_key
from kaito.util.suggest import did_you_mean

#: The table with the variables of system prompts.
VARIABLES = "variables"
#: Names of flags of ours that look like those of secrets.
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


def read_sections(file: ConfigFile, is_command: Callable[[str], bool]) -> Sections:
    """Return the sections of a file.

    Args:
        is_command: returns whether there is a subcommand of a name.

    Raises:
        UsageError: it has other tables than these, values of another type, or a secret.
    """
    refuse_secrets(file)
    known = ("defaults", "profiles")
    unknown = next((name for name in file.document if name not in known), None)
    if unknown is not None:
        place, shown = file.at((unknown,)), _bare_or_quoted(unknown)
        if not isinstance(file.document[unknown], dict):
            raise UsageError(f"{place}: {shown}: is not in a table", "Put it below a line with [defaults]")
        near = did_you_mean(unknown, known)
        hint = f"Did you mean [{near}]?" if near else "The tables are [defaults] and [profiles.NAME]"
        raise UsageError(f"{place}: [{shown}]: there is no such table", hint)
    return Sections(
        defaults=_section(file, ("defaults",), is_command),
        profiles={name: _section(file, ("profiles", name), is_command) for name in _table(file, ("profiles",))},
    )


def refuse_secrets(file: ConfigFile) -> None:
    """Refuse keys that are named like secrets.

    Raises:
        UsageError: there is one. The message never shows the value.
    """
    if (path := secret_key(file.document, _NO_SECRETS)) is not None:
        raise UsageError(
            f"{file.at(path)}: {path[-1]}: a secret must not be in this file",
            'Put the key in a file of its own: api-key-file = "FILE"; or a header: header = "@FILE"',
        )


def _table(file: ConfigFile, keys: tuple[str, ...]) -> dict[str, Any]:
    """Return a table; an empty one if there is none.

    Raises:
        UsageError: it is something else.
    """
    value: Any = file.document
    for key in keys:
        value = value.get(key, {})
    if not isinstance(value, dict):
        name = ".".join(map(_bare_or_quoted, keys))
        raise UsageError(f"{file.at(keys)}: {name}: is not a table", f"Write it as a line with [{name}]")
    return value


def _section(file: ConfigFile, path: tuple[str, ...], is_command: Callable[[str], bool]) -> Section:
    table = _table(file, path)
    commands = {name: value for name, value in table.items() if isinstance(value, dict) and is_command(name)}
    rest = {name: value for name, value in table.items() if name not in commands and name != VARIABLES}
    section = Section(file=file, path=path, values=rest, commands=commands, variables={})
    return msgspec.structs.replace(section, variables=_variables(section, table.get(VARIABLES, {})))


def _variables(section: Section, table: Any) -> dict[str, str]:
    if not isinstance(table, dict):
        raise section.error('is not a table such as { lang = "French" }', VARIABLES)
    texts = {}
    for name, value in table.items():
        if not isinstance(value, str | int | float) or isinstance(value, bool):
            raise section.error("is not text or a number", VARIABLES, name)
        texts[name] = str(value)
    return texts


def _bare_or_quoted(key: str) -> str:
    return key if key.replace("-", "").replace("_", "").isalnum() and key.isascii() else f'"{key}"'
