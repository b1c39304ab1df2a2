"""Adds the options of plugins and of their subcommands to a parser, and keeps the values for their plugin alone."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from kaito.cli.args.parser import Parser
from kaito.options.option import Scope
from kaito.options.parsers import switch as switch_parser
from kaito.options.table import SETTINGS
from kaito.plugin.discovery import Plugin
from kaito.plugin.manager import Plugins
from kaito.plugin.option_values import OptionValues, PluginSetting, parsed
from kaito.types.options import Argument, Flag, OptionGroup

if TYPE_CHECKING:
    from kaito.types.options import Completer


def add_plugin_flags(parser: Parser, plugins: Plugins, command: str) -> None:
    """Add the flags of plugins."""
    plugins.add_options(command, lambda plugin: PluginOptions(parser, plugins, plugin, f"Flags of plugin {plugin}"))


def keys_of_plugins(plugins: Plugins, command: str) -> set[str]:
    """Return the keys of the flags that plugins add to a command, without adding them."""
    names: set[str] = set()
    plugins.add_options(command, lambda _: _Names(names))
    return names


class _Names(OptionGroup):
    """Collects the keys of flags."""

    def __init__(self, names: set[str]) -> None:
        self._names = names

    def _declare(self, flag: Flag) -> None:
        self._names.add(flag.key)


class PluginOptions(OptionGroup):
    """A group of options of one plugin.

    Args:
        title: of the group in the help.
        subcommand: whether they belong to a subcommand, which may have an argument. They then replace the plugin's
            other options.
        reserved: flags that are added to the parser later.
    """

    def __init__(
        self,
        parser: Parser,
        plugins: Plugins,
        plugin: Plugin,
        title: str,
        *,
        subcommand: bool = False,
        reserved: Collection[str] = (),
    ) -> None:
        self.parser = parser
        self._plugins = plugins
        self._plugin = plugin
        self._title = title
        self._subcommand = subcommand
        self._reserved = reserved
        self._group: argparse._ArgumentGroup | None = None
        self.values = OptionValues()
        #: The command whose configuration and plugins' flags this one uses; `""` for its own.
        self.acts_as = ""
        plugins.set_options(plugin, self.values.values)

    def _declare(self, flag: Flag) -> None:
        name, values = flag.name, self.values
        for one in flag.names:
            if one in self._reserved or self.parser.flag(one) is not None:
                raise ValueError(f"the flag {one} exists already")
        settings = {*SETTINGS, *self._plugins.settings}
        if flag.setting and (self._subcommand or flag.repeatable or flag.flag[2:] in settings):
            raise ValueError(f"{flag.flag} cannot be a setting: it exists, may be repeated, or is a subcommand's")
        values.keep(name, flag.initial)
        if self._group is None:
            self._group = self.parser.add_argument_group(self._title)
        keep = partial(values.append if flag.repeatable else values.keep, name)
        parser = self._parser_of(flag.flag, flag.parse, flag.choices)
        # `False` marks a switch that turns something off, as for built-in flags.
        keywords: dict[str, Any] = {"nargs": 0, "const": not flag.flag.startswith("--no-")}
        scope: Scope = "command" if self._subcommand else "shared"
        if not flag.switch:
            # argparse would parse a default of type `str`.
            default = _Shown(flag.default) if flag.default and isinstance(flag.default, str) else flag.default
            keywords = {"metavar": "|".join(flag.choices) or flag.metavar, "type": parser, "default": default}
        self._group.add_argument(
            *flag.names,
            dest=f"plugin:{name}",
            help=flag.help,
            action=_Keep,
            keep=keep,
            restore=partial(values.keep, name, flag.initial),
            scope=scope if flag.configurable else "never",
            complete=flag.complete,
            **keywords,
        )
        if flag.setting:
            self._add_setting(flag, parser)
        if not self._subcommand:
            self._plugins.note_provided(self._plugin, f"flag {flag.flag}")

    def _add_setting(self, flag: Flag, parser: Callable[[str], Any]) -> None:
        name = flag.flag[2:]
        parse, choices = (switch_parser(name), ("on", "off")) if flag.switch else (parser, flag.choices)
        self._plugins.settings[name] = PluginSetting(self.values, flag.name, parse, choices)

    def _declare_argument(self, argument: Argument) -> None:
        if not self._subcommand:
            super()._declare_argument(argument)
        self.values.keep(argument.name, [] if argument.repeatable else None)
        parser = self._parser_of(argument.metavar, argument.parse, ())

        def keep(value: str | list[str]) -> None:
            parsed = parser(value) if isinstance(value, str) else [parser(word) for word in value]
            self.values.keep(argument.name, parsed)

        self.parser.take_argument(argument, keep)

    def _parser_of(self, name: str, parse: Callable[[str], Any], choices: Sequence[str]) -> Callable[[str], Any]:
        return lambda value: parsed(self._plugin, name, value, parse, choices)


class _Keep(argparse.Action):
    """Passes the value of a flag to a function; a flag without a value passes `True`."""

    def __init__(
        self,
        *,
        keep: Callable[[Any], None],
        restore: Callable[[], None],
        scope: Scope,
        complete: Completer | None,
        **keywords: Any,
    ) -> None:
        super().__init__(**keywords)
        self._keep = keep
        self.restore = restore
        self.scope = scope
        self.complete = complete

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        value = True if self.nargs == 0 else values
        self._keep(value)
        setattr(namespace, self.dest, value)


class _Shown:
    """A default as the help shows it."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __str__(self) -> str:
        return self._text
