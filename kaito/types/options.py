"""What plugins add to the command line: options of `kaito chat` and of their own subcommands."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    from kaito.cluster.cluster import Cluster

    #: Returns texts that a value may become. An `async def` function gets the cluster that the line selects.
    Completer = Callable[[], Iterable[str]] | Callable[[Cluster], Awaitable[Iterable[str]]]
    #: Returns texts that the next word of an argument may become, given the words before it; `None` if it is the name
    #: of a file.
    WordCompleter = Callable[[Sequence[str]], Iterable[str] | None]


class Flag(Struct, frozen=True, kw_only=True):
    """A flag as :meth:`OptionGroup.add` takes it."""

    flag: str
    help: str
    metavar: str
    parse: Callable[[str], Any]
    default: Any
    switch: bool
    repeatable: bool
    choices: tuple[str, ...]
    complete: Completer | None
    setting: bool
    short: str
    configurable: bool

    @property
    def name(self) -> str:
        """The name of the flag's value: `redact_file` for `--redact-file`.

        Raises:
            ValueError: the flag does not have the form `--name`.
        """
        if not self.flag.startswith("--") or not self.flag[2:].replace("-", "").isalnum():
            raise ValueError(f"{self.flag!r} does not have the form --name")
        return self.flag[2:].replace("-", "_")

    @property
    def key(self) -> str:
        """The name in the configuration, without the `no-` of a switch that turns something off."""
        return self.flag[2:].removeprefix("no-") if self.switch else self.flag[2:]

    @property
    def names(self) -> list[str]:
        """The short form, if there is one, and the flag.

        Raises:
            ValueError: the short form is not `-x`.
        """
        if self.short and not re.fullmatch("-[A-Za-z]", self.short):
            raise ValueError(f"{self.short!r} does not have the form -x")
        return [self.short, self.flag] if self.short else [self.flag]

    @property
    def initial(self) -> Any:
        """The value when the flag is not given.

        If the default is a text, it is parsed; an exception of `parse` is not caught.
        """
        if self.switch:
            return False
        return self.parse(self.default) if isinstance(self.default, str) else self.default


class Argument(Struct, frozen=True, kw_only=True):
    """The one argument of a subcommand that has no flag, as :meth:`OptionGroup.add_argument` takes it."""

    metavar: str
    help: str
    parse: Callable[[str], Any] = str
    required: bool = True
    choices: tuple[str, ...] = ()
    complete: Completer | WordCompleter | None = None
    repeatable: bool = False

    @property
    def name(self) -> str:
        """The name of its value, as `option` takes it."""
        return self.metavar.lower().replace("-", "_")

    @property
    def usage(self) -> str:
        """The argument in the usage line."""
        shown = "|".join(self.choices) or self.metavar
        shown = f"{shown}..." if self.repeatable else shown
        return shown if self.required else f"[{shown}]"


class OptionGroup(ABC):
    """Receives the command-line options that one plugin adds."""

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
        complete: Completer | None = None,
        setting: bool = False,
        short: str = "",
        configurable: bool = True,
    ) -> None:
        """Add an option. Read its value later with :meth:`~kaito.settings.Settings.option`.

        Args:
            flag: such as `--redact-file`.
            help: one sentence for `--help`.
            metavar: the placeholder of the value in `--help`. For `FILE`, Tab completes the names of files.
            parse: converts the text that was given, and the default if it is a text. An exception becomes a usage
                error with its message, such as `ValueError("is not a number from 1 to 9")`.
            default: the value when the flag is not given.
            switch: the flag takes no value and is `True` when given.
            repeatable: the flag may be given several times; the value is a list.
            choices: the only texts that are allowed. Tab completes them.
            complete: returns texts that Tab may complete the value to. A text may be followed by a tab and its
                description. The function should take less than a second. An `async def` function is called with the
                :class:`~kaito.Cluster` that the flags of the line select, and may take two seconds.
            setting: `/set` can change it within a session, under the flag's name. The next hook sees the new value.
            short: such as `-r`.
            configurable: whether the configuration file and environment variables can set it. `False` for a flag that
                is meant for a single run, such as one that deletes something or skips a question.

        Raises:
            ValueError: the flag or the setting exists, or the flag does not have the form `--name`.
        """
        self._declare(
            Flag(
                flag=flag,
                help=help,
                metavar=metavar,
                parse=parse,
                default=[] if repeatable and default is None else default,
                switch=switch,
                repeatable=repeatable,
                choices=tuple(choices),
                complete=complete,
                setting=setting,
                short=short,
                configurable=configurable,
            )
        )

    def add_argument(
        self,
        metavar: str,
        *,
        help: str,
        parse: Callable[[str], Any] = str,
        required: bool = True,
        choices: Sequence[str] = (),
        complete: Completer | WordCompleter | None = None,
        repeatable: bool = False,
    ) -> None:
        """Add the one argument that has no flag: `kaito NAME ARGUMENT`. Only a subcommand can add it.

        Args:
            metavar: the placeholder of the value in `--help`, such as `NAME`; `option("name")` returns the value.
            help: one sentence for `--help`.
            parse: as for a flag.
            required: whether it must be given.
            choices: as for a flag.
            complete: as for a flag. With `repeatable`, it is called with the words before the one that is completed,
                and returns `None` if that is the name of a file.
            repeatable: the argument may be any number of words; the value is a list.

        Raises:
            ValueError: there is one already, or these are not the options of a subcommand.
        """
        self._declare_argument(
            Argument(
                metavar=metavar,
                help=help,
                parse=parse,
                required=required,
                choices=tuple(choices),
                complete=complete,
                repeatable=repeatable,
            )
        )

    @abstractmethod
    def _declare(self, flag: Flag) -> None:
        """Receive a flag."""

    def _declare_argument(self, argument: Argument) -> None:
        """Receive the argument without a flag."""
        raise ValueError("only a subcommand may have an argument without a flag")
