"""What Tab makes of a line: the names of commands, and what each command makes of its arguments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress

from kaito.errors import KaitoError
from kaito.plugin.manager import Offered, Plugins
from kaito.types import ShellContext, SlashCommand


class Tab:
    """Completes a line that is a slash command. In a message Tab has nothing to say.

    Args:
        words: the shell's own commands, of which `help` takes the name of another.
        commands: the slash commands.
        plugins: isolate what completes their arguments.
        api: is given to that.
    """

    def __init__(
        self,
        words: Iterable[str],
        commands: Mapping[str, Offered[SlashCommand]],
        plugins: Plugins,
        api: ShellContext,
    ) -> None:
        self._words = tuple(words)
        self._commands = commands
        self._plugins = plugins
        self._api = api

    def __call__(self, line: str) -> list[str]:
        """Return the whole lines that what is typed of one may become, in their order."""
        start = len(line) - len(line.lstrip())
        if not line.startswith("/", start):
            return []
        name, blank, arguments = line[start + 1 :].partition(" ")
        if not blank:
            words = [*self._words, *(self._named(command) for command in self._commands)]
            return [line[: start + 1] + word for word in _matching(words, name.lower())]
        typed = arguments.lstrip()
        found = _matching(self._arguments(name.lower(), typed), typed)
        if len(found) == 1 and _matching(self._arguments(name.lower(), f"{found[0]} "), f"{found[0]} "):
            found[0] += " "
        head = line[: len(line) - len(typed)]
        return [head + one for one in found]

    def _named(self, name: str) -> str:
        command = self._commands[name].value
        return f"{name} " if command.arguments else name

    def _arguments(self, name: str, typed: str) -> Iterable[str]:
        if name == "help":
            return [*self._words, *self._commands]
        offered = self._commands.get(name)
        if offered is not None and offered.value.complete is not None:
            with suppress(KaitoError), self._plugins.guarding(offered.plugin, f"completing /{name}"):
                return list(offered.value.complete(typed, self._api))
        return []


def _matching(found: Iterable[str], typed: str) -> list[str]:
    # A name that cannot be seen as it is may come from a server.
    return sorted({one for one in found if one.startswith(typed) and one.isprintable()})
