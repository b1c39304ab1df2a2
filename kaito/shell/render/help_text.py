"""What `help` and `/help` show."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

from kaito.console.sanitize import one_line
from kaito.console.wrapping import paragraphs, table, wrapped
from kaito.errors import UsageError
from kaito.plugin.manager import Offered
from kaito.types import SlashCommand

DOCUMENTED = """\
Available commands:
  quit/exit - Exit chat session
  clear     - Clear conversation history{two_blanks}
  help      - Show this help
  status    - Show current configuration
""".format(two_blanks="  ")  # documented so; editors strip blanks at a line's end

_WORDS = (
    "'quit' (or 'exit'), 'clear', 'help' and 'status' need no slash when they are the whole line. "
    "Anything else is sent to the model, unless it begins with '/'."
)
_KEYS = (
    ('"""', "begins a message of several lines, and ends it; what is pasted needs none"),
    ("//", "begins a message with '/'"),
    ("Ctrl-C", "stops an answer, or clears the line"),
    ("Ctrl-Z Enter" if sys.platform == "win32" else "Ctrl-D", "leaves"),
)
_COMMANDS = "Commands ('/help NAME' tells more about one):"


class Help:
    """Knows all commands.

    Args:
        words: the shell's own, by name: what does them has their text.
        commands: the slash commands.
    """

    def __init__(self, words: Mapping[str, Callable[..., Any]], commands: Mapping[str, Offered[SlashCommand]]) -> None:
        self._words = words
        self._commands = commands

    def takes(self, name: str) -> str | None:
        """Return what arguments a command takes, `""` for none; `None` if there is no such command."""
        if name in self._words:
            return _usage(name).partition(" ")[2]
        offered = self._commands.get(name)
        return offered.value.arguments if offered is not None else None

    def overview(self, columns: int) -> str:
        """Return what to type, and a line about each command.

        Args:
            columns: that a line may have.
        """
        rows = [(_usage(name), _text(does).partition("\n")[0]) for name, does in self._words.items()]
        rows += [
            (f"/{name} {one_line(offered.value.arguments)}".rstrip(), one_line(offered.value.describe()))
            for name, offered in self._commands.items()
        ]
        rows.sort()
        blocks = (wrapped(_WORDS, columns, hang=0), table(_KEYS, columns), wrapped(_COMMANDS, columns, hang=0))
        return "\n".join(blocks) + table(rows, columns)

    def about(self, name: str, columns: int) -> str:
        """Return all that is known of one command.

        Args:
            name: with or without the slash.
            columns: that a line may have.

        Raises:
            UsageError: there is none of this name.
        """
        name = name.removeprefix("/").lower()
        if name in self._words:
            return paragraphs(f"{_usage(name)}\n\n{_text(self._words[name])}", columns)
        if (offered := self._commands.get(name)) is None:
            raise self.unknown(name)
        command = offered.value
        text = _text(command.run)
        if command.summary:
            text = f"{command.summary}\n{text.partition(chr(10))[2]}"
        notes = [] if offered.plugin.distribution == "kaito" else [f"From plugin {offered.plugin}."]
        if command.touches_files:
            notes.append("Works at a prompt and in --script FILE, not from a pipe.")
        usage = f"/{name} {command.arguments}".rstrip()
        return paragraphs("\n\n".join([usage, text, *notes]), columns)

    def unknown(self, name: str, *hints: str) -> UsageError:
        """Return the error of a command that does not exist, with the nearest that does."""
        from difflib import get_close_matches

        names = [*self._words, *self._commands]
        near = [_ELSEWHERE[name]] if name in _ELSEWHERE else get_close_matches(name, names, n=1)
        hint = f"Did you mean /{near[0]}?" if near else "See /help"
        return UsageError(f"Unknown command '/{name}'", hint, *hints)


#: What the commands are called in other chats.
_ELSEWHERE = {"?": "help", "bye": "quit", "q": "quit", "new": "clear", "reset": "clear", "show": "status"}


def _text(function: Callable[..., Any]) -> str:
    from inspect import cleandoc

    return cleandoc(function.__doc__ or "")


def _usage(word: str) -> str:
    return f"/{word} [NAME]" if word == "help" else f"/{word}"
