"""What plugins add to the shell and the command line: options, slash commands, and what those may use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct

from kaito.types.messages import Message, ModelInfo, Reply


class OptionGroup(Protocol):
    """Where a plugin adds its command-line options."""

    def add(
        self,
        flag: str,
        *,
        help: str,
        metavar: str = "VALUE",
        parse: Callable[[str], Any] = str,
        default: Any = None,
        switch: bool = False,
    ) -> None:
        """Add an option. What was given is read with :meth:`~kaito.settings.Settings.option`.

        Args:
            flag: such as `--redact-file`.
            help: one sentence for `--help`.
            metavar: what stands for the value in `--help`.
            parse: makes the value of what was typed. A `ValueError` from it becomes a usage error with its words.
            default: the value when the flag is not given.
            switch: the flag takes no value; it is `True` when given.

        Raises:
            ValueError: the flag exists, or is not of the form `--name`.
        """


class Screen(Struct, frozen=True, kw_only=True):
    """What a formatter may know of the place its text goes to."""

    #: Whether a person looks at it.
    terminal: bool = False
    #: Whether escape sequences for colour are wanted.
    colour: bool = False
    #: Whether every letter can be written there.
    unicode: bool = True
    #: Columns, asked anew at each call since windows are resized.
    width: Callable[[], int] = lambda: 80


class SlashCommand(Struct, frozen=True, kw_only=True):
    """A command that is typed as `/name arguments`."""

    name: str
    #: Called with what follows the name (blanks around it removed) and the shell's commands.
    run: Callable[[str, ShellContext], None]
    #: One line for `/help`; the first line of `run`'s docstring when empty. All of that is shown by `/help NAME`.
    summary: str = ""
    #: Such as `NAME VALUE`, for `/help`. Where it is empty, a line that has more than the name is refused.
    arguments: str = ""
    #: Whether it reads or writes files or starts programs: refused when commands come from a pipe.
    touches_files: bool = False
    #: Given what is typed of the arguments, returns what they may become when Tab is pressed.
    complete: Callable[[str, ShellContext], Iterable[str]] | None = None

    def describe(self) -> str:
        """Return the line that `/help` shows."""
        return self.summary or (self.run.__doc__ or "").strip().partition("\n")[0]


class ShellContext(Protocol):
    """What a slash command may do with the shell it runs in."""

    @property
    def conversation(self) -> tuple[Message, ...]:
        """The messages that the next turn would send before its own: the system prompt, if any, and the turns."""

    @property
    def last_message(self) -> str | None:
        """What the user said last, answered or not."""

    @property
    def reply(self) -> Reply | None:
        """The answer of the conversation's last turn, with its figures; `None` without one, or when it was resumed."""

    @property
    def model(self) -> str:
        """The name of the model that answers."""

    @property
    def models(self) -> tuple[ModelInfo, ...]:
        """What the server serves, adapters too; empty when it has no list. As it was when last asked."""

    @property
    def window(self) -> int | None:
        """Tokens of the model's window, prompt and answer together; `None` when the server does not tell."""

    @property
    def settings(self) -> Mapping[str, str]:
        """What `/set` can change, with the values in the form that it takes."""

    def choices(self, setting: str) -> tuple[str, ...]:
        """Return the values that a setting can have, where they can be listed."""

    def write(self, text: str) -> None:
        """Show what was asked for: on stdout, unless the formatter keeps that for answers. Control sequences go."""

    def notice(self, text: str) -> None:
        """Write a line to stderr. Text from outside is neutralised."""

    def ask(self, text: str) -> None:
        """Send a message and show the answer, as if it had been typed.

        Raises:
            KaitoError: the turn failed.
        """

    def edit(self, text: str) -> str:
        """Have the user edit a text in their own editor; return what they saved, without newlines at its end.

        It is `""` when they saved nothing.

        A command that uses it has `touches_files`.

        Raises:
            KaitoError: the editor cannot be run, or it failed.
        """

    def retry(self) -> None:
        """Send the last message again: one that failed, else that of the last turn, which the new one replaces.

        Raises:
            KaitoError: there is none, or the turn failed; what was there before then stays.
        """

    def continue_answer(self) -> None:
        """Have the model go on with its last answer, which was cut; what comes is joined to it.

        Raises:
            KaitoError: it was not cut, or the turn failed.
        """

    def undo(self) -> str:
        """Take back the message that failed, else the last turn; return the message.

        Raises:
            UsageError: there is none.
        """

    def replace(self, messages: Sequence[Message]) -> None:
        """Take these messages for what has been said: a system prompt, if any, then question and answer in turn.

        Raises:
            KaitoError: they are anything else.
        """

    def set(self, setting: str, value: str | None) -> None:
        """Change a setting, from the next turn on. `None` is what it was at the start.

        Raises:
            UsageError: there is no such setting, or the value is not allowed.
        """

    def use_model(self, name: str) -> None:
        """Have another model, or an adapter, answer from the next turn on.

        Raises:
            KaitoError: the server is asked, and does not serve it.
        """

    def refresh_models(self) -> None:
        """Ask the server anew what it serves.

        Raises:
            KaitoError: it cannot be reached.
        """

    def count_tokens(self) -> int | None:
        """Have the server count the conversation's tokens; `None` where it does not tell, or not within seconds."""
