"""The values of a plugin's options, from the command line, `/set` or the Python API."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any

from msgspec import Struct

from kaito.errors import UsageError
from kaito.plugin.discovery import Plugin
from kaito.plugin.isolation import Attempt, message_of
from kaito.types.options import Flag, OptionGroup


class OptionValues:
    """The options of one plugin and their values.

    Attributes:
        values: the current values, by names such as `redact_file`.
    """

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}
        self.values: Mapping[str, Any] = MappingProxyType(self._values)

    def keep(self, name: str, value: Any) -> None:
        """Set the value of an option."""
        self._values[name] = value

    def append(self, name: str, value: Any) -> None:
        """Add a value to the list of a repeatable option."""
        self._values[name] = [*self._values[name], value]


def parsed(plugin: Plugin, name: str, value: str, parse: Callable[[str], Any], choices: Collection[str] = ()) -> Any:
    """Convert the text of an option to its value.

    Args:
        plugin: the plugin that added the option.
        name: the name of the flag or the setting, for the error.
        value: the text.
        parse: the plugin's parser.
        choices: the only texts that are allowed; empty to allow all.

    Raises:
        UsageError: the text is not allowed, or `parse` raised anything.
    """
    if choices and value not in choices:
        raise UsageError(f"{name}: '{value}' is not one of {', '.join(choices)}")

    def refuse(exc: BaseException) -> None:
        # A parser refuses a value with `ValueError`. For any other error, its type is part of the explanation.
        reason = str(exc) if isinstance(exc, ValueError) and str(exc) else message_of(exc)
        separator = " " if reason.startswith(("is ", "cannot ")) else ": "
        raise UsageError(f"{name}: '{value}'{separator}{reason}") from exc

    result: Any = None
    with Attempt(plugin, refuse):
        result = parse(value)
    return result


class PluginSetting(Struct, frozen=True):
    """An option of a plugin that `/set` can change."""

    options: OptionValues
    #: The name of the option in `options`.
    option: str
    #: Parses what the user types; raises `UsageError`.
    parse: Callable[[str], Any]
    #: The allowed values, when they can be listed.
    choices: tuple[str, ...] = ()

    @property
    def value(self) -> Any:
        """The current value."""
        return self.options.values[self.option]

    def change(self, value: Any) -> None:
        """Set the value. The plugin reads it with :meth:`Settings.option`."""
        self.options.keep(self.option, value)


class GivenOptions(OptionGroup):
    """Receives the options that one plugin adds when there is no command line, as in the Python API.

    Args:
        plugin: the plugin that adds the options.
        given: the values of all plugins' options, by name; texts are parsed as on the command line. The values of
            this plugin's options are removed from it.
        taken: the names of the options that plugins have added; this plugin's are added to it.
        refused: receives the errors of values that are not valid, as these are not failures of the plugin.
    """

    def __init__(self, plugin: Plugin, given: dict[str, Any], taken: set[str], refused: list[UsageError]) -> None:
        self.values = OptionValues()
        self._plugin = plugin
        self._given = given
        self._taken = taken
        self._refused = refused

    def _declare(self, flag: Flag) -> None:
        name = flag.name
        if name in self._taken:
            raise ValueError(f"the flag {flag.flag} exists already")
        self._taken.add(name)
        self.values.keep(name, flag.initial)
        if name in self._given:
            value = self._given.pop(name)
            try:
                if isinstance(value, str):
                    value = parsed(self._plugin, f"options: {name}", value, flag.parse, flag.choices)
                self.values.keep(name, value)
            except UsageError as exc:
                self._refused.append(exc)
