"""What `help` and `/help` show."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kaito.errors import UsageError
from kaito.plugins import Offered
from kaito.types import SlashCommand
from kaito.untrusted import neutral, one_line

DOCUMENTED = """\
Available commands:
  quit/exit - Exit chat session
  clear     - Clear conversation history{two_blanks}
  help      - Show this help
  status    - Show current configuration
""".format(two_blanks="  ")  # documented so; editors strip blanks at a line's end

_OVERVIEW = """\
Anything else is a message. Put several lines between \""" and \""", or paste
them. To send a line that begins with '/', write '//'.

Commands ('/help NAME' tells more about one):
"""
#: Columns of running text.
_WIDTH = 78


class Help:
    """Knows all commands.

    Args:
        words: the shell's own, by name: what does them has their text.
        commands: the slash commands.
    """

    def __init__(self, words: Mapping[str, Callable[..., Any]], commands: Mapping[str, Offered[SlashCommand]]) -> None:
        self._words = words
        self._commands = commands

    def overview(self) -> str:
        """Return a line about each command."""
        rows = [(_usage(name), _text(does).partition("\n")[0]) for name, does in self._words.items()]
        rows += [
            (f"/{name} {one_line(offered.value.arguments)}".rstrip(), one_line(offered.value.describe()))
            for name, offered in self._commands.items()
        ]
        rows.sort()
        width = max(len(name) for name, _ in rows)
        return _OVERVIEW + "".join(f"  {name:<{width}}  {summary}".rstrip() + "\n" for name, summary in rows)

    def about(self, name: str) -> str:
        """Return all that is known of one command.

        Raises:
            UsageError: there is none of this name.
        """
        name = name.removeprefix("/").lower()
        if name in self._words:
            return _described(_usage(name), _text(self._words[name]))
        if (offered := self._commands.get(name)) is None:
            raise self.unknown(name)
        command = offered.value
        text = _text(command.run)
        if command.summary:
            text = f"{command.summary}\n{text.partition(chr(10))[2]}"
        notes = [] if offered.plugin.distribution == "kaito" else [f"From plugin {offered.plugin}."]
        if command.touches_files:
            notes.append("Works at a prompt and in --script FILE, not from a pipe.")
        return _described(f"/{name} {command.arguments}".rstrip(), text, *notes)

    def unknown(self, name: str, *hints: str) -> UsageError:
        """Return the error of a command that does not exist, with the nearest that does."""
        from difflib import get_close_matches

        near = get_close_matches(name, [*self._words, *self._commands], n=1)
        hint = f"Did you mean /{near[0]}?" if near else "See /help"
        return UsageError(f"Unknown command '/{name}'", hint, *hints)


def _text(function: Callable[..., Any]) -> str:
    from inspect import cleandoc

    return cleandoc(function.__doc__ or "")


def _usage(word: str) -> str:
    return f"/{word} [NAME]" if word == "help" else f"/{word}"


def _described(usage: str, text: str, *notes: str) -> str:
    from textwrap import fill

    paragraphs = [fill(" ".join(part.split()), _WIDTH) for part in (*text.split("\n\n"), *notes)]
    return neutral("\n\n".join([usage, *(part for part in paragraphs if part)]) + "\n")
