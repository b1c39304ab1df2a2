"""Adds the options of plugins and of their subcommands to a parser, and keeps the values for their plugin alone."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from typing import Any

from kaito.cli.args.parser import Parser, PositionalArgument
from kaito.errors import UsageError
from kaito.options.parsers import switch as switch_parser
from kaito.options.table import SETTINGS
from kaito.plugin.discovery import Plugin
from kaito.plugin.isolation import Attempt, message_of
from kaito.plugin.manager import Plugins
from kaito.plugin.option_values import OptionValues, PluginSetting
from kaito.types import OptionGroup


def add_plugin_flags(parser: Parser, plugins: Plugins, command: str) -> None:
    """Add the flags of plugins."""
    plugins.add_options(command, lambda plugin: PluginOptions(parser, plugins, plugin, f"Flags of plugin {plugin}"))


class PluginOptions(OptionGroup):
    """A group of options of one plugin.

    Args:
        title: of the group in the help.
        subcommand: whether they are those of a subcommand, which may have an argument, and in place of the plugin's
            others.
        reserved: flags that the parser gets later.
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
        #: Whether the flags of plugins are added, too.
        self.takes_plugin_flags = False
        plugins.set_options(plugin, self.values.values)

    def add(
        self,
        flag: str,
        *,
        help: str,
        metavar: str = "VALUE",
        parse: Callable[[str], Any] = str,
        default: Any = None,
        switch: bool = False,
        repeatable: bool = False,
        choices: Sequence[str] = (),
        complete: Callable[[], Iterable[str]] | None = None,
        setting: bool = False,
    ) -> None:
        if setting and (self._subcommand or repeatable or flag[2:] in {*SETTINGS, *self._plugins.settings}):
            raise ValueError(f"{flag[2:]} cannot be a setting: it exists, may be repeated, or is a subcommand's")
        if flag in self._reserved or self.parser.flag(flag) is not None:
            raise ValueError(f"the flag {flag} exists already")
        name = self.values.declare(flag, parse, [] if repeatable and default is None else default, switch=switch)
        if self._group is None:
            self._group = self.parser.add_argument_group(self._title)
        keywords: dict[str, Any] = {"dest": f"plugin:{name}", "action": _Keep, "help": help}
        keywords["keep"] = partial(self.values.append if repeatable else self.values.keep, name)
        if switch:
            keywords["nargs"] = 0
        else:
            keywords["metavar"] = "|".join(choices) or metavar
            keywords["type"] = self._parser_of(flag, parse, choices)
            # argparse would parse a text, too.
            keywords["default"] = _Shown(default) if default and isinstance(default, str) else default
        action = self._group.add_argument(flag, **keywords)
        assert isinstance(action, _Keep)
        action.repeatable, action.complete = repeatable, complete
        if setting:
            of_setting = switch_parser(flag[2:]) if switch else self._parser_of(flag[2:], parse, choices)
            allowed = ("on", "off") if switch else tuple(choices)
            self._plugins.settings[flag[2:]] = PluginSetting(self.values, name, of_setting, allowed)
        if not self._subcommand:
            self._plugins.note_provided(self._plugin, f"flag {flag}")

    def add_argument(
        self,
        metavar: str,
        *,
        help: str,
        parse: Callable[[str], Any] = str,
        required: bool = True,
        choices: Sequence[str] = (),
        complete: Callable[[], Iterable[str]] | None = None,
    ) -> None:
        if not self._subcommand:
            raise ValueError("only a subcommand may have an argument without a flag")
        name = self.values.declare(f"--{metavar.lower()}", parse, None, switch=False)
        keep = partial(self.values.keep, name)
        parser = self._parser_of(metavar, parse, ())
        argument = PositionalArgument(metavar, help, required, choices, complete)
        self.parser.take_argument(argument, lambda value: keep(parser(value)))

    def _parser_of(self, name: str, parse: Callable[[str], Any], choices: Sequence[str]) -> Callable[[str], Any]:
        def guarded(value: str) -> Any:
            if choices and value not in choices:
                raise UsageError(f"{name}: '{value}' is not one of {', '.join(choices)}")

            def refuse(exc: BaseException) -> None:
                # A `ValueError` is how a parser refuses a value; the type of any other error explains it.
                reason = str(exc) if isinstance(exc, ValueError) and str(exc) else message_of(exc)
                raise UsageError(f"{name}: '{value}': {reason}") from exc

            parsed: Any = None
            with Attempt(self._plugin, refuse):
                parsed = parse(value)
            return parsed

        return guarded


class _Keep(argparse.Action):
    """Passes the value of a flag to a function; a flag without a value passes `True`."""

    def __init__(self, *, keep: Callable[[Any], None], **keywords: Any) -> None:
        super().__init__(**keywords)
        self._keep = keep
        self.repeatable = False
        self.complete: Callable[[], Iterable[str]] | None = None

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        self._keep(True if self.nargs == 0 else values)


class _Shown:
    """A default as the help shows it."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __str__(self) -> str:
        return self._text
