"""The values of a plugin's options, wherever they come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from msgspec import Struct

from kaito.types.options import Flag, OptionGroup


class OptionValues:
    """The options of one plugin and their values.

    Attributes:
        values: by names such as `redact_file`.
    """

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}
        self.values: Mapping[str, Any] = MappingProxyType(self._values)

    def keep(self, name: str, value: Any) -> None:
        """Set the value of an option."""
        self._values[name] = value

    def append(self, name: str, value: Any) -> None:
        """Add a value to those of an option."""
        self._values[name] = [*self._values[name], value]


class PluginSetting(Struct, frozen=True):
    """An option of a plugin that `/set` can change."""

    options: OptionValues
    #: The option's name among those.
    option: str
    #: Parses what the user types; raises `UsageError`.
    parse: Callable[[str], Any]
    #: The allowed values, when they can be listed.
    choices: tuple[str, ...] = ()

    @property
    def value(self) -> Any:
        """What holds now."""
        return self.options.values[self.option]

    def change(self, value: Any) -> None:
        """Set the value, which the plugin reads with :meth:`Settings.option`."""
        self.options.keep(self.option, value)


class GivenOptions(OptionGroup):
    """Takes the options of one plugin where there is no command line.

    Args:
        given: the values of all plugins' options, by name. Those that are taken are removed.
        taken: the names that plugins have added.
    """

    def __init__(self, given: dict[str, Any], taken: set[str]) -> None:
        self.values = OptionValues()
        self._given = given
        self._taken = taken

    def _declare(self, flag: Flag) -> None:
        name = flag.name
        if name in self._taken:
            raise ValueError(f"the flag {flag.flag} exists already")
        self._taken.add(name)
        self.values.keep(name, self._given.pop(name) if name in self._given else flag.initial)
