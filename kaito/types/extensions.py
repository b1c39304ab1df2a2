"""What plugins add to the command line and the shell: options and slash commands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from kaito.shell.context import ShellContext


class OptionGroup(Protocol):
    """Takes the command-line options of one plugin."""

    def add(
        self,
        flag: str,
        *,
        help: str,
        metavar: str = "VALUE",
        parse: Callable[[str], Any] = str,
        default: Any = None,
        switch: bool = False,
        repeatable: bool = False,
        choices: Sequence[str] = (),
        complete: Callable[[], Iterable[str]] | None = None,
        setting: bool = False,
    ) -> None:
        """Add an option. Read its value later with :meth:`~kaito.settings.Settings.option`.

        Args:
            flag: such as `--redact-file`.
            help: one sentence for `--help`.
            metavar: stands for the value in `--help`; `FILE` is completed as one.
            parse: converts the text that was given, and the default if that is a text. Whatever it raises becomes a
                usage error with its message.
            default: the value when the flag is not given.
            switch: the flag takes no value and is `True` when given.
            repeatable: the flag may be given several times; the value is a list.
            choices: the only texts that are allowed, which are completed.
            complete: returns texts that the value may become at the Tab key. It should take less than a second.
            setting: `/set` can change it within a session, under the flag's name. The next hook sees the new value.

        Raises:
            ValueError: the flag or the setting exists, or the flag does not have the form `--name`.
        """

    def add_argument(
        self,
        metavar: str,
        *,
        help: str,
        parse: Callable[[str], Any] = str,
        required: bool = True,
        choices: Sequence[str] = (),
        complete: Callable[[], Iterable[str]] | None = None,
    ) -> None:
        """Add the one argument that has no flag: `kaito NAME ARGUMENT`. Only a subcommand can add it.

        Args:
            metavar: stands for it in `--help`, such as `NAME`; `option("name")` returns its value.
            help: one sentence for `--help`.

        Raises:
            ValueError: there is one already, or these are not the options of a subcommand.
        """


class Screen(Struct, frozen=True, kw_only=True):
    """What a formatter may know about stdout."""

    #: Whether it is a terminal.
    terminal: bool = False
    #: Whether colour escape sequences are wanted.
    colour: bool = False
    #: Whether it can show every character.
    unicode: bool = True
    #: Returns the columns, which change when the window is resized.
    width: Callable[[], int] = lambda: 80


class SlashCommand(Struct, frozen=True, kw_only=True):
    """A command that is typed as `/name arguments`."""

    name: str
    #: Called with the text after the name, without surrounding blanks, and with the shell.
    run: Callable[[str, ShellContext], None]
    #: One line for `/help`; the first line of `run`'s docstring when empty. `/help NAME` shows the whole docstring.
    summary: str = ""
    #: The arguments for `/help`, such as `NAME VALUE`. When empty, a line with arguments is refused.
    arguments: str = ""
    #: Whether it reads or writes files or starts programs: refused when commands come from a pipe.
    touches_files: bool = False
    #: Given the arguments typed so far, returns what they can become at the Tab key.
    complete: Callable[[str, ShellContext], Iterable[str]] | None = None

    def describe(self) -> str:
        """Return the line that `/help` shows."""
        return self.summary or (self.run.__doc__ or "").strip().partition("\n")[0]
