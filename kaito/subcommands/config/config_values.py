"""The effective values as rows: name, value, and where it comes from."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from msgspec import Struct

from kaito.cli.args.config_keys import TABLE_FORMS
from kaito.cli.args.configured import Settings, apply_config, forms_of
from kaito.cli.args.parser import Parser
from kaito.cli.command_context import CommandContext
from kaito.cli.known_flags import KnownFlags, parser_of
from kaito.cli.output_formats import as_json, as_yaml
from kaito.config.fault_reports import Report
from kaito.config.flag_form import FlagForm, command_prefix, shared_variable, variable_names
from kaito.config.setting_levels import Setting
from kaito.config.user_config import NO_CONFIG, PROFILE, UserConfig
from kaito.errors import ExitCode, UsageError
from kaito.options.prompts import VARIABLE_KEY
from kaito.plugin.built_in import SUBCOMMANDS
from kaito.types import Cell, Column
from kaito.util.sanitize import one_line
from kaito.util.secret_names import is_secret_name, secret_field, secret_header, secret_in_url
from kaito.util.suggest import near_names
from kaito.util.user_folders import shown_path

_HIDDEN = "(not shown)"
#: The value is in the error, unless it may be a secret.
_NOT_VALID = "(not valid)"
_BUILT_IN, _UNKNOWN = "built-in", "unknown"
_API_KEY = "KAITO_API_KEY"
#: Variables of kaito's own that do not stand for flags.
_OTHERS = (
    PROFILE,
    NO_CONFIG,
    _API_KEY,
    "KAITO_HISTORY",
    "KAITO_HISTORY_AGE",
    "KAITO_HISTORY_SIZE",
    "KAITO_PLUGINS",
)

#: Variables that the flags of one run would have.
_OF_ONE_RUN = {shared_variable(form.key): form.flag for form in TABLE_FORMS.values() if form.scope == "never"}

#: The origin is never left out: it is what the command is for.
_COLUMNS = (Column(title="NAME"), Column(title="VALUE", least=12), Column(title="FROM"))
#: Only where a value is not valid.
_ERROR = Column(title="ERROR", below=True)


class Row(Struct, frozen=True, kw_only=True):
    """One value."""

    name: str
    #: The value for JSON: a number, a text, a list, or whether a switch is on.
    value: Any
    #: The value for people.
    text: str
    #: Such as `profile work`.
    origin: str
    kind: str
    #: The place in the file, the flag or the variable.
    place: str | None
    #: Why the value is not valid.
    error: str | None = None


def show(context: CommandContext) -> int:
    """Write the values, those that are set before the built-in ones; return the exit code."""
    given = context.given
    configured = given.configured
    parser: Parser = configured.parser
    config = parser.config
    assert config is not None
    found: list[UsageError] = [*configured.faults]
    rows = list(_rows(parser, given, configured.settings, context.invocation.environ))
    rows += _of_other_commands(context, config, found.append)
    if config.is_unreadable:
        rows = [_unknown(row) if row.kind == _BUILT_IN else row for row in rows]
    rows.sort(key=lambda row: row.kind in (_BUILT_IN, _UNKNOWN))
    # Several commands report the faults of the tables that they share.
    faults = [*{fault.message: fault for fault in found}.values()]
    if given.shown_as == "plain":
        context.write(_head(config))
        _write_rows(context, rows)
    else:
        data = {
            "file": str(config.path) if config.file is not None else None,
            "profile": config.profile,
            "profiles": config.profiles,
            "errors": [fault.message for fault in faults],
            "values": [
                {"name": row.name, "value": row.value, "from": row.kind, "place": row.place, "error": row.error}
                for row in rows
            ],
        }
        context.invocation.terminal.write({"json": as_json, "yaml": as_yaml}[given.shown_as](data))
    for remark in _unknown_variables(parser, context.invocation.environ):
        context.notice(remark)
    if not faults:
        return ExitCode.OK
    *others, last = faults
    for fault in others:
        context.invocation.terminal.error(fault)
    raise last


def _head(config: UserConfig) -> str:
    """Return the lines about the file and the profile that apply."""
    path = shown_path(config.path) if config.path is not None else "unknown"
    state = ""
    if config.is_unreadable:
        state = " (cannot be used)"
    elif config.is_hidden:
        state = " (cannot be read)"
    elif config.file is None:
        exists = config.path is not None and os.path.lexists(config.path)
        state = " (ignored)" if config.is_ignored and exists else " (none)"
    lines = [f"File: {path}{state}"]
    if config.profiles or config.missing_profile is not None:
        missing = config.missing_profile
        fault = "is not known" if config.is_hidden else "does not exist"
        profile = f"{missing}, which {fault}" if missing is not None else config.profile or "none"
        names = f" (the file has {', '.join(map(one_line, config.profiles)) or 'none'})" if not config.is_hidden else ""
        lines.append(f"Profile: {one_line(profile)}{names}")
    return "\n".join([*lines, "", ""])


def _write_rows(context: CommandContext, rows: Sequence[Row]) -> None:
    if not any(row.error for row in rows):
        context.write_table(_COLUMNS, [(row.name, row.text, row.origin) for row in rows])
        return
    marked = [
        (row.name, Cell(row.text, "bad") if row.error else row.text, row.origin, one_line(row.error or ""))
        for row in rows
    ]
    context.write_table([*_COLUMNS, _ERROR], marked)


def _unknown(row: Row) -> Row:
    """Return the row of a value that the file may set, if the file cannot be read."""
    return _row(row.name, None, "-", _UNKNOWN, _UNKNOWN, None)


def _rows(
    parser: Parser, namespace: argparse.Namespace, settings: Settings, environ: Mapping[str, str]
) -> Iterator[Row]:
    for key, (action, form) in sorted(forms_of(parser).items()):
        if form.scope != "shared" or key == VARIABLE_KEY:
            continue
        if key == "api-key-file" and key not in settings and environ.get(_API_KEY):
            yield _row("api-key", _HIDDEN, _HIDDEN, _API_KEY, "variable", _API_KEY)
        if (setting := settings.get(key)) is not None:
            yield _set_row(key, form, setting, getattr(namespace, action.dest, None))
        else:
            value = _built_in(action, form)
            yield _row(key, value, _text(value), _BUILT_IN, _BUILT_IN, None)
    variables = {key: setting for key, setting in settings.items() if key.startswith(f"{VARIABLE_KEY} ")}
    # The variables of the command line are merged with these only when a system prompt is read.
    if (setting := settings.get(VARIABLE_KEY)) is not None and isinstance(setting.given, tuple):
        for text in setting.given:
            name, _, value = (text or "").partition("=")
            variables[f"{VARIABLE_KEY} {name}"] = Setting(given=(value,), origin=setting.origin)
    for key, setting in variables.items():
        yield _set_row(key, FlagForm(key=key, flag=""), setting, None)


def _of_other_commands(context: CommandContext, config: UserConfig, report: Report) -> Iterator[Row]:
    """Yield the settings of flags that only one command has, or that are set for one command."""
    environ = context.invocation.environ
    tables = {name for section, *_ in config.chosen for name in section.commands}
    for name in SUBCOMMANDS:
        prefix = command_prefix(name)
        if name == "config" or (name not in tables and not any(one.startswith(prefix) for one in environ)):
            continue
        parser = parser_of(name, context.invocation)
        namespace, _ = parser.parse_known_args([])
        known = partial(KnownFlags, context.invocation, name)
        settings = apply_config(parser, namespace, config, name, known=known, report=report)
        for key, (action, form) in sorted(forms_of(parser).items()):
            if key in settings and (form.scope == "command" or (name != "chat" and _is_own(settings[key], name))):
                yield _set_row(f"{name} {key}", form, settings[key], getattr(namespace, action.dest, None))


def _is_own(setting: Setting, command: str) -> bool:
    """Return whether a shared flag is set for one command alone."""
    return setting.origin.keys[:1] == (command,) or setting.origin.name.startswith(command_prefix(command))


def _set_row(name: str, form: FlagForm, setting: Setting, value: Any) -> Row:
    origin = setting.origin
    if (fault := setting.fault) is not None:
        return _row(name, None, _NOT_VALID, origin.name, origin.kind, origin.place, fault.message)
    if isinstance(setting.given, bool):
        value, text = setting.given, _text(setting.given)
    else:
        texts = [_without_secrets(form, text or "") for text in setting.given]
        text = ", ".join(texts) or "-"
        is_shown = texts == [*setting.given] and isinstance(value, int | float)
        value = texts if form.repeatable else value if is_shown else "".join(texts[-1:])
    return _row(name, value, text, origin.name, origin.kind, origin.place)


def _without_secrets(form: FlagForm, text: str) -> str:
    if form.key == "header":
        name, colon, _ = text.partition(":")
        return f"{name}: {_HIDDEN}" if colon and (not text.startswith("@")) else text
    if "URL" in form.metavar and secret_in_url(text):
        return text.partition("?")[0].rpartition("@")[2] + f" {_HIDDEN}"
    if is_secret_name(form.key) or (form.takes_json and secret_field(text)) or secret_header(text):
        return _HIDDEN
    return text


def _built_in(action: argparse.Action, form: FlagForm) -> Any:
    if form.kind == "switch":
        return form.inverted
    value = action.default
    return value if isinstance(value, int | float | str) else str(value) if value else None


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return "-" if value is None else str(value)


def _row(name: str, value: Any, text: str, origin: str, kind: str, place: str | None, error: str | None = None) -> Row:
    return Row(name=name, value=value, text=text, origin=origin, kind=kind, place=place, error=error)


def _unknown_variables(parser: Parser, environ: Mapping[str, str]) -> Iterator[str]:
    """Yield a remark for each variable without effect: it may be misspelt, or its flag is for one run."""
    known = {name.removeprefix("KAITO_") for name in _OTHERS}
    for command in ("chat", *SUBCOMMANDS):
        for _, form in forms_of(parser).values():
            known.update(name.removeprefix("KAITO_") for name in variable_names(form, command))
    prefixes = tuple(map(command_prefix, SUBCOMMANDS))
    for name in sorted(environ):
        bare = name.removeprefix("KAITO_")
        if bare == name or bare in known or name.startswith(prefixes):
            continue
        if (flag := _OF_ONE_RUN.get(name)) is not None and environ[name]:
            yield f"{name} is not used: {flag} is for one run"
            continue
        # Other programs may have variables that begin with `KAITO_`, too.
        if near := near_names(bare, known, most=1, least=0.8):
            yield f"{one_line(name)} is not used; did you mean KAITO_{near[0]}?"
