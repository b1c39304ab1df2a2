"""Completes slash commands and their arguments at the Tab key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from kaito.errors import KaitoError
from kaito.plugin.manager import Offered, Plugins
from kaito.shell.input.entries import WORDS
from kaito.types import SlashCommand

if TYPE_CHECKING:
    from kaito.shell.context import ShellContext


class TabCompletion:
    """Completes a line that is a slash command. A message is not completed."""

    def __init__(self, commands: Mapping[str, Offered[SlashCommand]], plugins: Plugins, context: ShellContext) -> None:
        self._commands = commands
        self._plugins = plugins
        self._context = context

    def __call__(self, line: str) -> list[str]:
        """Return the whole lines that a partial line can become, sorted."""
        start = len(line) - len(line.lstrip())
        if not line.startswith("/", start):
            return []
        name, blank, arguments = line[start + 1 :].partition(" ")
        if not blank:
            words = [*WORDS, *(self._named(command) for command in self._commands)]
            return [line[: start + 1] + word for word in _matching(words, name.lower())]
        typed = arguments.lstrip()
        matches = _matching(self._arguments(name.lower(), typed), typed)
        if len(matches) == 1 and _matching(self._arguments(name.lower(), f"{matches[0]} "), f"{matches[0]} "):
            matches[0] += " "
        head = line[: len(line) - len(typed)]
        return [head + match for match in matches]

    def _named(self, name: str) -> str:
        command = self._commands[name].value
        return f"{name} " if command.arguments else name

    def _arguments(self, name: str, typed: str) -> Iterable[str]:
        if name == "help":
            return [*WORDS, *self._commands]
        offered = self._commands.get(name)
        if offered is None or offered.value.complete is None:
            return []
        try:
            with self._plugins.isolated(offered.plugin, f"completing /{name}"):
                words = list(offered.value.complete(typed, self._context))
                if wrong := [word for word in words if not isinstance(word, str)]:
                    raise TypeError(f"it must return texts, not {type(wrong[0]).__name__}")
                return words
        except KaitoError as exc:
            # A message in the middle of a line would disturb the user, but the plugin's author asks for it.
            self._plugins.trace(exc.message)
            return []


def _matching(words: Iterable[str], typed: str) -> list[str]:
    # Unprintable names come from a server.
    return sorted({word for word in words if word.startswith(typed) and word.isprintable()})
