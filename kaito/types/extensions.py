"""What plugins add to the shell: slash commands. And what formatters know about the screen."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from msgspec import Struct


class Screen(Struct, frozen=True, kw_only=True):
    """What a formatter may know about stdout."""

    #: Whether it is a terminal.
    terminal: bool = False
    #: Whether colour escape sequences are wanted.
    colour: bool = False
    #: Whether it supports hyperlinks (OSC 8): text that opens an address without showing it.
    links: bool = False
    #: Whether it can show every character.
    unicode: bool = True
    #: Returns the number of columns, which changes when the window is resized.
    width: Callable[[], int] = lambda: 80


class SlashCommand(Struct, frozen=True, kw_only=True):
    """A command that is typed as `/name arguments`."""

    name: str
    #: Called with the text after the name, without surrounding blanks, and with the shell, a
    #: :class:`~kaito.ShellContext`.
    run: Callable[[str, Any], None]
    #: One line for `/help`; the first line of `run`'s docstring when empty. `/help NAME` shows the whole docstring.
    summary: str = ""
    #: The arguments for `/help`, such as `NAME VALUE`. When empty, a line with arguments is refused.
    arguments: str = ""
    #: Whether it reads or writes files, reads past conversations or starts programs. Such a command is refused when
    #: commands come from a pipe.
    touches_files: bool = False
    #: Called when Tab is pressed, with the arguments typed so far; returns what they can be completed to.
    complete: Callable[[str, Any], Iterable[str]] | None = None

    def describe(self) -> str:
        """Return the line that `/help` shows."""
        return self.summary or (self.run.__doc__ or "").strip().partition("\n")[0]
