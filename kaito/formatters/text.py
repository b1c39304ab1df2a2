"""Formatter `text`: the answers alone, for a shell's variables and for other programs."""

from __future__ import annotations

from collections.abc import Iterable

from kaito.formatters.plain import Plain
from kaito.hookspecs import Formatter, hookimpl
from kaito.settings import Settings
from kaito.types import Screen


class Text(Plain):
    """The text of each answer as it arrives, and one newline at its end."""

    name = "text"
    prefix = ""
    #: `answer=$(kaito chat …)` must not catch the output of a command.
    exclusive_stdout = True

    def __init__(self, screen: Screen, settings: Settings) -> None:
        # At a terminal, the output is the same as in a pipe: no reasoning.
        super().__init__(Screen(unicode=screen.unicode), settings)


@hookimpl
def kaito_formatters() -> Iterable[type[Formatter]]:
    """Return `text`."""
    return [Text]
