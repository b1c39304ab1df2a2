"""The values of a plugin's options, wherever they come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from msgspec import Struct


class OptionValues:
    """The declared options of one plugin and their values.

    Attributes:
        values: by names such as `redact_file`.
    """

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}
        self.values: Mapping[str, Any] = MappingProxyType(self._values)

    def declare(self, flag: str, parse: Callable[[str], Any], default: Any, *, switch: bool) -> str:
        """Declare an option with its default; return its name.

        Raises:
            ValueError: the flag does not have the form `--name`. An error of `parse` for the default passes, too: an
                invalid default is the plugin's mistake, and not the user's.
        """
        if not flag.startswith("--") or not flag[2:].replace("-", "").isalnum():
            raise ValueError(f"{flag!r} does not have the form --name")
        name = flag[2:].replace("-", "_")
        if switch:
            default = False
        self._values[name] = parse(default) if isinstance(default, str) else default
        return name

    def keep(self, name: str, value: Any) -> None:
        """Set the value of a declared option."""
        self._values[name] = value

    def append(self, name: str, value: Any) -> None:
        """Add a value to those of a declared option."""
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
