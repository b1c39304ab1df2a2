"""Adds the flags of plugins to a parser, and keeps each plugin's values for it alone."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

from kaito.cli.args.parser import Parser
from kaito.errors import UsageError
from kaito.plugin.discovery import Plugin
from kaito.plugin.isolation import Attempt, message_of
from kaito.plugin.manager import Plugins
from kaito.types import OptionGroup


def add_plugin_flags(parser: Parser, plugins: Plugins, command: str) -> None:
    """Add the flags of plugins."""
    plugins.add_options(command, lambda plugin: _PluginOptions(parser, plugins, plugin))


class _PluginOptions(OptionGroup):
    """One plugin's group of flags."""

    def __init__(self, parser: Parser, plugins: Plugins, plugin: Plugin) -> None:
        self._parser = parser
        self._plugins = plugins
        self._plugin = plugin
        self._group: argparse._ArgumentGroup | None = None
        # The parser writes into it.
        self._values: dict[str, Any] = {}
        plugins.set_options(plugin, MappingProxyType(self._values))

    def add(
        self,
        flag: str,
        *,
        help: str,
        metavar: str = "VALUE",
        parse: Callable[[str], Any] = str,
        default: Any = None,
        switch: bool = False,
    ) -> None:
        if not flag.startswith("--") or not flag[2:].replace("-", "").isalnum():
            raise ValueError(f"{flag!r} does not have the form --name")
        if self._group is None:
            self._group = self._parser.add_argument_group(f"Flags of plugin {self._plugin}")
        name = flag[2:].replace("-", "_")

        def keep(value: Any) -> None:
            self._values[name] = value

        # Parsed here: an invalid default is not the user's error.
        value = False if switch else parse(default) if isinstance(default, str) else default
        try:
            if switch:
                self._group.add_argument(flag, dest=f"plugin:{name}", action=_Keep, keep=keep, nargs=0, help=help)
            else:
                self._group.add_argument(
                    flag,
                    dest=f"plugin:{name}",
                    action=_Keep,
                    keep=keep,
                    metavar=metavar,
                    type=self._parser_of(flag, parse),
                    # argparse would parse a text, too.
                    default=_Shown(default) if default and isinstance(default, str) else default,
                    help=help,
                )
        except argparse.ArgumentError:
            raise ValueError(f"the flag {flag} exists already") from None
        keep(value)
        self._plugins.note_provided(self._plugin, f"flag {flag}")

    def _parser_of(self, flag: str, parse: Callable[[str], Any]) -> Callable[[str], Any]:
        def guarded(value: str) -> Any:
            def refuse(exc: BaseException) -> None:
                # A `ValueError` is how a parser refuses a value; the type of any other error explains it.
                reason = str(exc) if isinstance(exc, ValueError) and str(exc) else message_of(exc)
                raise UsageError(f"{flag}: '{value}': {reason}") from exc

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
