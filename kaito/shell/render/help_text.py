"""The texts of `help` and `/help`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kaito.console.questions import end_key
from kaito.console.wrapping import paragraphs, table, wrapped
from kaito.errors import ShellHint, UsageError
from kaito.plugin.manager import Offered
from kaito.types import SlashCommand
from kaito.util.program import as_started
from kaito.util.sanitize import one_line
from kaito.util.suggest import did_you_mean

DOCUMENTED = """\
Available commands:
  quit/exit - Exit chat session
  clear     - Clear conversation history{two_blanks}
  help      - Show this help
  status    - Show current configuration
""".format(two_blanks="  ")  # as documented; editors strip blanks at the end of a line

_WORDS = (
    "'quit' (or 'exit'), 'clear', 'help' and 'status' need no slash when they are the whole line. "
    "Anything else is sent to the model, unless it begins with '/'."
)
_KEYS = (
    ('"""', "begins and ends a message of several lines; pasted text needs none"),
    ("//", "begins a message that starts with '/'"),
    ("Ctrl-C", "stops an answer, or clears the line"),
    (end_key(), "exits"),
)
_COMMANDS = "Commands ('/help NAME' shows more about one):"

#: Names of the commands in other chat programs.
_OTHER_NAMES = {"?": "help", "bye": "quit", "q": "quit", "new": "clear", "reset": "clear", "show": "status"}


class Help:
    """The help of all commands.

    Args:
        words: the shell's own commands by name; their docstrings are their help.
    """

    def __init__(self, words: Mapping[str, Callable[..., Any]], commands: Mapping[str, Offered[SlashCommand]]) -> None:
        self._words = words
        self._commands = commands

    def takes(self, name: str) -> str | None:
        """Return the arguments of a command, `""` for none; `None` if there is no such command."""
        if name in self._words:
            return _usage(name).partition(" ")[2]
        offered = self._commands.get(name)
        return offered.value.arguments if offered is not None else None

    def overview(self, columns: int) -> str:
        """Return how to type messages, and one line about each command, in the given width."""
        rows = [(_usage(name), _docstring(run).partition("\n")[0]) for name, run in self._words.items()]
        rows += [
            (f"/{name} {one_line(offered.value.arguments)}".rstrip(), one_line(offered.value.describe()))
            for name, offered in self._commands.items()
        ]
        rows.sort()
        blocks = (wrapped(_WORDS, columns, hang=0), table(_KEYS, columns), wrapped(_COMMANDS, columns, hang=0))
        return "\n".join(blocks) + table(rows, columns)

    def about(self, name: str, columns: int) -> str:
        """Return the help of one command.

        Args:
            name: with or without the slash.

        Raises:
            UsageError: there is no such command.
        """
        name = name.removeprefix("/").lower()
        if name in self._words:
            return paragraphs(f"{_usage(name)}\n\n{_docstring(self._words[name])}", columns)
        if (offered := self._commands.get(name)) is None:
            raise self.unknown(name)
        command = offered.value
        text = as_started(_docstring(command.run))
        if command.summary:
            text = f"{command.summary}\n{text.partition(chr(10))[2]}"
        notes = [] if offered.plugin.distribution == "kaito" else [f"From plugin {offered.plugin}."]
        if command.touches_files:
            notes.append("Works at a prompt and in --script FILE, not from a pipe.")
        usage = f"/{name} {command.arguments}".rstrip()
        return paragraphs("\n\n".join([usage, text, *notes]), columns)

    def unknown(self, name: str, *hints: str) -> UsageError:
        """Return the error for an unknown command, with the nearest name."""
        near = _OTHER_NAMES.get(name) or did_you_mean(name, [*self._words, *self._commands])
        # In a script, too, the command that was meant is what helps.
        meant = f"Did you mean /{near}?"
        hint = ShellHint(meant, meant) if near else ShellHint("See /help", "The command 'help' lists all commands")
        return UsageError(f"Unknown command '/{name}'", hint, *hints)


def _docstring(function: Callable[..., Any]) -> str:
    from inspect import cleandoc

    return cleandoc(function.__doc__ or "")


def _usage(word: str) -> str:
    return f"/{word} [NAME]" if word == "help" else f"/{word}"
