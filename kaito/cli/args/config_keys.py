"""Checks the keys of the configuration file: each must be a flag that may be set in its table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from kaito.config.fault_reports import Report, raise_fault
from kaito.config.file_sections import VARIABLES, Section
from kaito.config.flag_form import FlagForm
from kaito.errors import UsageError
from kaito.options import table
from kaito.options.option import Option
from kaito.util.suggest import did_you_mean


class KnownKeys(Protocol):
    """The flags of other commands; used only for keys that a command does not have."""

    def is_plugins(self, key: str, *, is_table: bool) -> bool:
        """Return whether plugins add a flag to `kaito chat` or to the command that runs, or a subcommand.

        Args:
            is_table: whether it can be a subcommand.
        """

    def commands_with(self, key: str) -> Sequence[str]:
        """Return the names of the built-in commands that have a flag of their own."""

    def all(self) -> Iterable[str]:
        """Return the keys of all shared flags, and the names of the subcommands."""


def check_keys(
    sections: Iterable[Section],
    command: str,
    own: Mapping[str, FlagForm],
    known: KnownKeys | None,
    report: Report = raise_fault,
) -> None:
    """Check that the keys of all sections, and those of the command's tables, are flags.

    Args:
        command: the subcommand.
        own: its flags.
        known: the flags of the other commands; `None` if only those of this one count.
        report: receives the error for a key that is not a flag. Its message suggests the nearest name.
    """
    for section in sections:
        for key in section.values:
            form = TABLE_FORMS.get(key) or own.get(key)
            if form is None or form.scope != "shared":
                is_table = isinstance(section.values[key], dict)
                if form is None and known is not None and known.is_plugins(key, is_table=is_table):
                    continue
                report(_refused(section, (key,), form, known))
        for key in section.commands.get(command, {}):
            form = own.get(key)
            if form is None or form.scope == "never":
                report(_refused(section, (command, key), form or TABLE_FORMS.get(key), known, own))


def _refused(
    section: Section,
    keys: tuple[str, ...],
    form: FlagForm | None,
    known: KnownKeys | None,
    own: Iterable[str] | None = None,
) -> UsageError:
    """Return the error for a key that cannot be set in a table.

    Args:
        own: the flags that may be set in that table; `None` for those of all commands.
    """
    key = keys[-1]
    if form is not None and form.scope == "never":
        return section.error("is for one run, and cannot be set here", *keys)
    commands = known.commands_with(key) if known is not None and own is None else ()
    if commands:
        tables = " or ".join(f"[{'.'.join(section.path)}.{name}]" for name in commands)
        return section.error("is a flag of single commands", *keys, hints=[f"Put it below {tables}"])
    names = {*(own if own is not None else known.all() if known is not None else TABLE_FORMS), VARIABLES}
    spelled = key.replace("_", "-").removeprefix("--").lower()
    if (positive := spelled.removeprefix("no-")) != spelled and positive in names:
        return section.error("is written without 'no-'", *keys, hints=[f"{positive} = false"])
    own_table = ".".join([*section.path, key])
    if key == VARIABLES:
        return section.error("is for all commands", *keys, hints=[f"Put it below [{own_table}]"])
    if own is None and known is not None and key in names and key not in TABLE_FORMS:
        hint = f"Write it as a line with [{own_table}]"
        return section.error("is a command, which takes a table", *keys, hints=[hint])
    near = did_you_mean(spelled, names)
    hint = f"Did you mean {near}?" if near else "The keys are the long flags of the commands, without dashes"
    return section.error("there is no such flag", *keys, hints=[hint])


def _form_of(option: Option) -> FlagForm:
    inverted = option.action == "off"
    key = option.flag[2:].removeprefix("no-") if inverted else option.flag[2:]
    return FlagForm(key=key, flag=option.flag, inverted=inverted, scope=option.configured)


#: The options of the table by their keys, some of which a command may not have.
TABLE_FORMS = {form.key: form for form in map(_form_of, table.ALL)}
