"""The effective values as rows: name, value, and where it comes from."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from msgspec import Struct

from kaito.cli.args.configured import Settings, apply_config, forms_of
from kaito.cli.args.parser import Parser
from kaito.cli.command_context import CommandContext
from kaito.cli.known_flags import KnownFlags, parser_of
from kaito.cli.output_formats import as_json, as_yaml
from kaito.config.flag_form import FlagForm, variable_names
from kaito.config.user_config import NO_CONFIG, PROFILE, Setting, UserConfig, config_path
from kaito.errors import ExitCode, UsageError
from kaito.options.prompts import VARIABLE_KEY
from kaito.plugin.built_in import SUBCOMMANDS
from kaito.types import Column
from kaito.util.plugin_folders import shown_path
from kaito.util.sanitize import one_line
from kaito.util.secret_names import is_secret_name, secret_field, secret_header, secret_in_url
from kaito.util.suggest import near_names

_HIDDEN = "(not shown)"
_BUILT_IN = "built-in"
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


#: The origin is never left out: the values are shown for its sake.
_COLUMNS = (Column(title="NAME"), Column(title="VALUE", least=12), Column(title="FROM"))


class Row(Struct, frozen=True, kw_only=True):
    """One value."""

    name: str
    #: For JSON: a number, a text, a list, or whether a switch is on.
    value: Any
    #: For people.
    text: str
    #: Such as `profile work`.
    origin: str
    kind: str
    #: The place in the file, the flag or the variable.
    place: str | None


def show(context: CommandContext) -> int:
    """Write the values, what is set before what is built-in; return the exit code."""
    given = context.given
    configured = given.configured
    parser: Parser = configured.parser
    config = parser.config
    assert config is not None
    fault: UsageError | None = configured.fault
    rows = list(_rows(parser, given, configured.settings, context.invocation.environ))
    try:
        if fault is None:
            rows += _of_other_commands(context, config)
    except UsageError as exc:
        fault = exc
    rows.sort(key=lambda row: row.kind == _BUILT_IN)
    file = config_path()
    if given.shown_as == "plain":
        head = shown_path(file) if file is not None else "unknown"
        absent = "" if config.file is not None or fault is not None else " (ignored)" if _ignored(config) else " (none)"
        context.write(f"File: {head}{absent}\n")
        if config.profiles:
            names = ", ".join(map(one_line, config.profiles))
            context.write(f"Profile: {one_line(config.profile or 'none')} (the file has {names})\n")
        context.write("\n")
        context.write_table(_COLUMNS, [(row.name, row.text, row.origin) for row in rows])
    else:
        data = {
            "file": str(file) if config.file is not None else None,
            "profile": config.profile,
            "profiles": config.profiles,
            "values": [{"name": row.name, "value": row.value, "from": row.kind, "place": row.place} for row in rows],
        }
        context.invocation.terminal.write({"json": as_json, "yaml": as_yaml}[given.shown_as](data))
    for remark in _unknown_variables(parser, context.invocation.environ):
        context.notice(remark)
    if fault is not None:
        raise fault
    return ExitCode.OK


def _ignored(config: UserConfig) -> bool:
    return config.path is not None and config.path.exists()


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
    # Those of the command line are merged only where a system prompt is read.
    if (setting := settings.get(VARIABLE_KEY)) is not None and isinstance(setting.given, tuple):
        for text in setting.given:
            name, _, value = (text or "").partition("=")
            variables[f"{VARIABLE_KEY} {name}"] = Setting(given=(value,), origin=setting.origin)
    for key, setting in variables.items():
        yield _set_row(key, FlagForm(key=key, flag=""), setting, None)


def _of_other_commands(context: CommandContext, config: UserConfig) -> Iterator[Row]:
    """Yield what is set for flags that only single commands have."""
    environ = context.invocation.environ
    tables = {name for section, *_ in config.chosen for name in section.commands}
    for name in SUBCOMMANDS:
        prefix = f"KAITO_{name.upper().replace('-', '_')}_"
        if name == "config" or (name not in tables and not any(one.startswith(prefix) for one in environ)):
            continue
        parser = parser_of(name, context.invocation)
        namespace, _ = parser.parse_known_args([])
        settings = apply_config(parser, namespace, config, name, known=partial(KnownFlags, context.invocation, name))
        for key, (action, form) in sorted(forms_of(parser).items()):
            if key in settings and (form.scope == "command" or (name != "chat" and _is_own(settings[key], name))):
                yield _set_row(f"{name} {key}", form, settings[key], getattr(namespace, action.dest, None))


def _is_own(setting: Setting, command: str) -> bool:
    """Return whether a shared flag is set for one command alone."""
    prefix = f"KAITO_{command.upper().replace('-', '_')}_"
    return setting.origin.keys[:1] == (command,) or setting.origin.name.startswith(prefix)


def _set_row(name: str, form: FlagForm, setting: Setting, value: Any) -> Row:
    origin = setting.origin
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


def _row(name: str, value: Any, text: str, origin: str, kind: str, place: str | None) -> Row:
    return Row(name=name, value=value, text=text, origin=origin, kind=kind, place=place)


def _unknown_variables(parser: Parser, environ: Mapping[str, str]) -> Iterator[str]:
    """Yield a remark for each variable that may be misspelt."""
    known = {name.removeprefix("KAITO_") for name in _OTHERS}
    for command in ("chat", *SUBCOMMANDS):
        for _, form in forms_of(parser).values():
            known.update(name.removeprefix("KAITO_") for name in variable_names(form, command))
    prefixes = tuple(f"KAITO_{name.upper().replace('-', '_')}_" for name in SUBCOMMANDS)
    for name in sorted(environ):
        bare = name.removeprefix("KAITO_")
        if bare == name or bare in known or name.startswith(prefixes):
            continue
        # Others may have variables that begin so.
        if near := near_names(bare, known, most=1, least=0.8):
            yield f"{one_line(name)} is not used; did you mean KAITO_{near[0]}?"
