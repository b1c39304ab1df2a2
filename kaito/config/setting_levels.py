"""The values that the configuration gives the flags of a command, and where each comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from kaito.config.flag_form import Given
from kaito.errors import UsageError

if TYPE_CHECKING:
    from kaito.config.file_sections import Section

#: The kinds of places, the highest first.
Kind = Literal["flag", "variable", "profile", "defaults"]


class SettingOrigin(Struct, frozen=True, kw_only=True):
    """Where a value comes from."""

    kind: Kind
    #: The name that `kaito config` shows: `--namespace`, `KAITO_NAMESPACE`, `profile work`, `defaults`.
    name: str
    #: For a value of the file: its section, and its path there.
    section: Section | None = None
    keys: tuple[str, ...] = ()

    def error(self, reason: str, *hints: str) -> UsageError:
        """Return the error for the value, which names its place."""
        if self.section is not None:
            return self.section.error(reason, *self.keys, hints=hints)
        return UsageError(f"{self.name}: {reason}", *hints)

    @property
    def place(self) -> str:
        """The place for a message."""
        if self.section is None:
            return self.name
        return self.section.file.at((*self.section.path, *self.keys))


class Setting(Struct, frozen=True, kw_only=True):
    """A value that the configuration gives a flag."""

    given: Given
    origin: SettingOrigin
    #: Why the value cannot be used; it then has no effect.
    fault: UsageError | None = None


#: The settings of one level, by the keys of their flags.
Level = Mapping[str, Setting]
