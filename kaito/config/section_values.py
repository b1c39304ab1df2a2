"""Reads the settings of a command from a table of the file. Imported only when there is a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kaito.config.fault_reports import Report, raise_fault
from kaito.config.file_sections import VARIABLES, Section
from kaito.config.flag_form import FlagForm, Given, from_toml
from kaito.config.setting_levels import Kind, Level, Setting, SettingOrigin
from kaito.errors import UsageError
from kaito.options.prompts import VARIABLE_KEY
from kaito.util.secret_names import is_secret_name, secret_field, secret_header, secret_in_url


def section_level(
    section: Section,
    values: Mapping[str, Any],
    forms: Mapping[str, FlagForm],
    keys: tuple[str, ...],
    kind: Kind,
    name: str,
    report: Report = raise_fault,
) -> Level:
    """Return the settings of a table, for the flags that a command has.

    Args:
        keys: the path of the table within the section: none, or the command.
        report: receives the error for a value of a type that its flag does not take, or with a secret.
    """
    level = {}
    if section.variables and VARIABLE_KEY in forms and not keys:
        texts = tuple(f"{name}={value}" for name, value in section.variables.items())
        origin = SettingOrigin(kind=kind, name=name, section=section, keys=(VARIABLES,))
        level[VARIABLE_KEY] = Setting(given=texts, origin=origin)
    for key, value in values.items():
        form = forms.get(key)
        if form is None or form.scope == "never" or (form.scope == "command" and not keys):
            continue
        origin = SettingOrigin(kind=kind, name=name, section=section, keys=(*keys, key))
        if key == VARIABLE_KEY and key in level:
            report(origin.error(f"cannot be used with [{'.'.join(section.path)}.{VARIABLES}]"))
            continue
        try:
            level[key] = Setting(given=_given(form, value, origin, section), origin=origin)
        except UsageError as fault:
            report(fault)
            level[key] = Setting(given=(), origin=origin, fault=fault)
    return level


def _given(form: FlagForm, value: Any, origin: SettingOrigin, section: Section) -> Given:
    """Return the value that the file gives a flag, after checks.

    Raises:
        UsageError: it has another type, or is a secret.
    """
    try:
        given = from_toml(form, value, section.file.path.parent)
    except ValueError as exc:
        raise origin.error(str(exc)) from None
    refuse_secret(form, given, origin)
    return given


def refuse_secret(form: FlagForm, given: Given, origin: SettingOrigin) -> None:
    """Refuse a value of the file that holds credentials.

    Raises:
        UsageError: the message names the key and what is in it, and never shows the value.
    """
    for text in given if isinstance(given, tuple) else ():
        if text is None:
            continue
        if form.key == "header" and (name := secret_header(text)):
            hint = 'Put the header in a file of its own: header = "@FILE"; or a key: api-key-file = "FILE"'
            raise origin.error(f"the value of '{name}' is a secret, which must not be in this file", hint)
        if "URL" in form.metavar and (what := secret_in_url(text)):
            raise origin.error(f"{what} of the URL is a secret, which must not be in this file", _KEY_HINT)
        if form.key == VARIABLE_KEY and is_secret_name(name := text.partition("=")[0]):
            raise origin.error(f"the value of '{name}' is a secret, which must not be in this file", _KEY_HINT)
        if form.takes_json and (field := secret_field(text)):
            raise origin.error(f"'{field}' is a secret, which must not be in this file", _KEY_HINT)


_KEY_HINT = 'Use api-key-file = "FILE", or header = "@FILE"'
