"""Applies the configuration to a parsed command line. Flags that neither sets keep their built-in values."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from kaito.cli.args.parser import Parser
from kaito.config.fault_reports import Report, raise_fault
from kaito.config.flag_form import FlagForm, Given
from kaito.config.setting_levels import Setting, SettingOrigin
from kaito.config.user_config import UserConfig
from kaito.errors import UsageError
from kaito.options import table
from kaito.options.option import Option
from kaito.options.prompts import VARIABLE_KEY
from kaito.plugin.built_in import SUBCOMMANDS
from kaito.plugin.entry_points import subcommand_names

if TYPE_CHECKING:
    from kaito.cli.args.config_keys import KnownKeys

ENDPOINT = table.ENDPOINT_URL.flag[2:]
_ENDPOINT_FORM = FlagForm(key=ENDPOINT, flag=table.ENDPOINT_URL.flag, metavar="URL", scope="shared")

#: The settings by the keys of flags, without flags that have their built-in values.
Settings = Mapping[str, Setting]
#: The flags of a parser by key.
Flags = Mapping[str, tuple[argparse.Action, FlagForm]]


def config_of(parser: Parser, arguments: Sequence[str], environ: Mapping[str, str], command: str) -> UserConfig:
    """Return the configuration that a command line selects, before it can be parsed.

    Args:
        command: the subcommand, which may be of a plugin that is not installed; empty for none.
    """
    return UserConfig(
        environ,
        profile=next(reversed(parser.given(table.PROFILE.flag, arguments)), None),
        ignored=parser.has(table.NO_CONFIG.flag, arguments),
        is_command=lambda name: name in (*SUBCOMMANDS, command) or name in subcommand_names(None),
    )


def forms_of(parser: Parser) -> dict[str, tuple[argparse.Action, FlagForm]]:
    """Return the flags of a parser by key, each as the configuration sees it."""
    actions = [action for action in parser.flags if action.option_strings]
    forms = ((action, parser.form(action)) for action in (*actions, *parser.stand_ins))
    return {form.key: (action, form) for action, form in forms}


def early_texts(parser: Parser, config: UserConfig, command: str, option: Option) -> list[str]:
    """Return the texts that the configuration gives an option, before the command line can be parsed."""
    return texts_of(early_setting(parser, config, command, option))


def early_setting(parser: Parser, config: UserConfig, command: str, option: Option) -> Setting | None:
    """Return what the configuration gives an option, before the command line can be parsed.

    Faults of the configuration are reported later.
    """
    action = parser.flag(option.flag)
    if action is None:
        return None
    form = parser.form(action)
    try:
        for level in config.levels(command, {form.key: form}):
            for found in level:
                if form.key in found and isinstance(found[form.key].given, tuple):
                    return found[form.key]
    except UsageError:
        pass
    return None


def texts_of(setting: Setting | None) -> list[str]:
    """Return the texts of a setting; none if it is a switch."""
    given = setting.given if setting is not None else ()
    return [text for text in given if text is not None] if isinstance(given, tuple) else []


def apply_config(
    parser: Parser,
    namespace: argparse.Namespace,
    config: UserConfig,
    command: str,
    *,
    names_workspace: bool = True,
    known: Callable[[], KnownKeys] | None = None,
    report: Report = raise_fault,
) -> Settings:
    """Set the flags that the command line lacks from the configuration; return all settings by key.

    Args:
        command: the subcommand whose tables and variables apply.
        names_workspace: whether the configuration may name the workspace.
        known: returns the flags of the other commands; `None` if only those of this one count.
        report: receives the error for a value that is not allowed, or a key that is not a flag. Its message names the
            place.
    """
    flags = forms_of(parser)
    if not names_workspace:
        flags.pop(table.WORKSPACE_NAME.flag[2:], None)
    forms = {key: form for key, (_, form) in flags.items()}
    known = cache(known) if known is not None else None
    if known is not None:
        forms = with_shared(forms, config, known)
    if config.sections:
        from kaito.cli.args.config_keys import check_keys

        check_keys(config.sections, command, forms, known() if known is not None else None, report)
    given, restored = _of_the_line(parser, flags)
    levels = list(config.levels(command, {ENDPOINT: _ENDPOINT_FORM, **forms}, report))
    if not any(table for level in levels for table in level):
        return {key: setting for key, setting in given.items() if key not in restored}
    from kaito.config.displacement import Merge

    merge = Merge()
    merge.take(given, without_effect=restored)
    if ENDPOINT not in flags:  # the command uses a workspace: what is set beside an endpoint does not apply
        merge.displace(ENDPOINT)
    variables: list[Setting] = []
    for level in levels:
        variables += [found[VARIABLE_KEY] for found in level if VARIABLE_KEY in found]
        merge.add(level)
        if config.has_api_key:  # it comes before the levels below the variables
            merge.displace("api-key-file")
    settings = {}
    for key, setting in merge.taken.items():
        if key not in given:
            if key != VARIABLE_KEY:
                settings[key] = _set(parser, namespace, *flags[key], setting, report)
        elif key not in restored:
            settings[key] = setting
    if VARIABLE_KEY in flags and VARIABLE_KEY not in restored:
        settings |= _set_variables(namespace, *flags[VARIABLE_KEY], variables, report)
    return settings


def with_shared(
    forms: Mapping[str, FlagForm], config: UserConfig, known: Callable[[], KnownKeys]
) -> dict[str, FlagForm]:
    """Return the flags of a command; those that a plugin also adds to `kaito chat` are shared.

    A plugin may add the same flag to `kaito chat` and to its own subcommand.
    """
    return {
        key: replace(form, scope="shared")
        if form.scope == "command" and config.sets(key) and known().is_plugins(key, is_table=False)
        else form
        for key, form in forms.items()
    }


def _of_the_line(parser: Parser, flags: Flags) -> tuple[dict[str, Setting], set[str]]:
    """Return the flags of the command line, and the keys of those whose built-in values it restores."""
    given, restored = {}, set()
    for action, texts in parser.used.items():
        form = parser.form(action)
        if form.key in flags and flags[form.key][0] is action:
            value: Given = not form.inverted if form.kind == "switch" and texts is True else texts
            given[form.key] = Setting(given=value, origin=SettingOrigin(kind="flag", name=form.flag))
            if texts == ():
                restored.add(form.key)
    return given, restored


def _set(
    parser: Parser,
    namespace: argparse.Namespace,
    action: argparse.Action,
    form: FlagForm,
    setting: Setting,
    report: Report,
) -> Setting:
    """Set a flag as if the command line had it; return the setting, with the fault of a value that is not allowed."""
    if isinstance(setting.given, bool):
        if setting.given != form.inverted:
            action(parser, namespace, [], form.flag)
        return setting
    try:
        values = parsed(action, form, setting)
    except UsageError as fault:
        report(fault)
        return replace(setting, fault=fault)
    for value in values:
        action(parser, namespace, value, form.flag)
    return setting


def parsed(action: argparse.Action, form: FlagForm, setting: Setting) -> list[Any]:
    """Return the values of the texts of a setting.

    Raises:
        UsageError: one is not allowed. The message names its place instead of the flag.
    """
    if isinstance(setting.given, bool):
        return []
    try:
        return [
            action.const if text is None else action.type(text) if callable(action.type) else text
            for text in setting.given
        ]
    except UsageError as exc:
        raise _relabelled(exc, form, setting.origin) from None


def _relabelled(exc: UsageError, form: FlagForm, origin: SettingOrigin) -> UsageError:
    """Return an error about a value with the place where it is set."""
    reason = exc.message.removeprefix(f"{form.flag}: ").replace(" on the command line", "")
    return origin.error(reason, *exc.hints)


def explained(exc: UsageError, parser: Parser, settings: Settings) -> UsageError:
    """Return an error about flags, with the places of those that are not set on the command line."""
    flag, colon, reason = exc.message.partition(": ")
    by_flag = {form.flag: settings[key].origin for key, (_, form) in forms_of(parser).items() if key in settings}
    configured = {name: origin for name, origin in by_flag.items() if origin.kind != "flag"}
    words = {word.strip("',.:;()") for word in exc.message.split()}
    own = configured.get(flag) if colon else None
    named = [f"{name} is set by {one.place}" for name, one in configured.items() if name in words and one is not own]
    if own is not None:
        return own.error(reason, *named, *exc.hints)
    return UsageError(exc.message, *named, *exc.hints) if named else exc


def _set_variables(
    namespace: argparse.Namespace, action: argparse.Action, form: FlagForm, found: Sequence[Setting], report: Report
) -> Settings:
    """Merge the variables of system prompts by name; a level replaces those below it."""
    values, settings = {}, {}
    for setting in reversed(found):
        try:
            pairs = parsed(action, form, setting)
        except UsageError as fault:
            report(fault)
            continue
        for key, value in pairs:
            values[key] = value
            settings[f"{VARIABLE_KEY} {key}"] = Setting(given=(value,), origin=setting.origin)
    namespace.configured_variables = values
    return settings
