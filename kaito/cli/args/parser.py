"""The parser of one subcommand, with kubectl's rules for flags, and our errors and help."""

from __future__ import annotations

import argparse
import re
import shlex
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, NoReturn, Protocol, runtime_checkable

from kaito.config.flag_form import FlagForm, Given
from kaito.config.user_config import UserConfig
from kaito.console.wrapping import commands, table, window_columns, wrapped
from kaito.errors import UsageError
from kaito.options.option import Option, Scope
from kaito.types.options import Argument
from kaito.util.program import as_started, examples_as_started
from kaito.util.suggest import did_you_mean

# The columns of the flags' names, and the fewest columns of the help.
_FLAGS, _NARROWEST = 28, 39
#: Begins each word after `--`, so that argparse takes none of them for a flag. No argument of a process contains it.
_NOT_A_FLAG = "\0"


class Once(argparse.Action):
    """A flag that may be given only once, as a second value would silently replace the first."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        if getattr(namespace, self.dest) is not None:
            raise UsageError(f"{self.option_strings[-1]} is given twice")
        setattr(namespace, self.dest, values)


@runtime_checkable
class Restorable(Protocol):
    """A flag that keeps its value elsewhere than in the namespace."""

    def restore(self) -> None:
        """Restore the built-in value."""


class _Restore(argparse.Action):
    """Restores the built-in value of another flag, as if it were neither given nor configured."""

    def __init__(self, *, restored: argparse.Action, **keywords: Any) -> None:
        super().__init__(nargs=0, **keywords)
        self._restored = restored

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        assert isinstance(parser, Parser)
        parser.restore(self._restored, namespace)


class Parser(argparse.ArgumentParser):
    """The parser of one subcommand.

    As with pflag, a flag that takes a value takes the next argument, even one that looks like a flag
    (`--system-prompt "-terse"`). Flags are never abbreviated. There is at most one positional argument.

    Args:
        command: the program and the subcommand, such as `kaito chat`.

    Attributes:
        argument: the positional argument; `None` if there is none.
        config: the user's configuration; `None` until it was read for the command line.
        formats: returns the formats of `-o` that are allowed with the words of the argument; `None` for all of them.
        stand_ins: flags of another parser that the configuration sets in place of the flags of the same names.
    """

    def __init__(self, command: str, summary: str, examples: str) -> None:
        super().__init__(prog=command, add_help=False, allow_abbrev=False)
        self._summary = summary
        self._examples = textwrap.dedent(examples).strip("\n")
        self.config: UserConfig | None = None
        self.formats: Callable[[Sequence[str]], Sequence[str]] | None = None
        self.stand_ins: list[argparse.Action] = []
        self._options: dict[argparse.Action, Option] = {}
        self._used: dict[argparse.Action, Given] = {}
        self.argument: Argument | None = None
        self.add_argument("-h", "--help", action="store_true", help="Show this help")

    def parse(self, arguments: Sequence[str]) -> argparse.Namespace:
        """Return the flags' values.

        Raises:
            UsageError: they are not valid.
        """
        joined = self._joined(arguments)
        self._add_counterparts(joined)
        words: list[str] = []
        if self.argument is not None and self.argument.repeatable:
            # argparse takes no flags between the words.
            words = [word.removeprefix(_NOT_A_FLAG) for word in joined if not word.startswith("-") or word == "-"]
            joined = [word for word in joined if word.startswith("-") and word != "-"]
        namespace, rest = self.parse_known_args(joined)
        if rest:
            raise self._unknown(rest[0])
        if words:
            namespace.argument = words
        elif self.argument is not None and namespace.argument is not None:
            namespace.argument = namespace.argument.removeprefix(_NOT_A_FLAG)
        if self.argument is not None and not namespace.help:
            self._check_argument(self.argument, namespace.argument)
            if namespace.argument is not None:
                self._keep_argument(namespace.argument)
        return namespace

    def take_argument(self, argument: Argument, keep: Callable[[Any], object]) -> None:
        """Take a positional argument, whose value is passed to a function.

        Raises:
            ValueError: there is one already.
        """
        if self.argument is not None:
            raise ValueError("there is an argument without a flag already")
        self.argument = argument
        self._keep_argument = keep
        self.add_argument("argument", nargs="?", help=argparse.SUPPRESS)

    def _check_argument(self, argument: Argument, value: str | list[str] | None) -> None:
        choices = ", ".join(argument.choices)
        if value is None and argument.required:
            raise UsageError(f"Give one of {choices}" if choices else f"{argument.metavar} is missing", self._see())
        for word in [value] if isinstance(value, str) else value or ():
            if choices and word not in argument.choices:
                raise UsageError(f"'{word}' is not one of {choices}", self._see())

    @property
    def flags(self) -> list[argparse.Action]:
        """The flags that the help lists."""
        return [action for action in self._actions if action.help is not argparse.SUPPRESS]

    @property
    def groups(self) -> list[tuple[str, list[argparse.Action]]]:
        """The flags that the help lists, in groups with their titles."""
        groups = []
        for group in self._action_groups:
            if flags := [action for action in group._group_actions if action.help is not argparse.SUPPRESS]:
                groups.append(("Flags" if group.title == "options" else str(group.title), flags))
        return groups

    @property
    def usage_line(self) -> str:
        """The command with what it takes, in one line."""
        return f"{self.prog} [flags]{f' {self.argument.usage}' if self.argument is not None else ''}"

    def flag(self, name: str) -> argparse.Action | None:
        """Return the flag of a name such as `--namespace` or `-n`; `None` when there is none."""
        return self._option_string_actions.get(name)

    def note_option(self, action: argparse.Action, option: Option) -> None:
        """Record which option of the table a flag comes from."""
        self._options[action] = option

    def stand_in(self, other: Parser, option: Option) -> None:
        """Let the configuration set a flag of another parser in place of the flag of that name."""
        action = other._option_string_actions[option.flag]
        self.stand_ins.append(action)
        self.note_option(action, option)
        self.set_defaults(**{action.dest: action.default})

    def form(self, action: argparse.Action) -> FlagForm:
        """Return a flag as the configuration sees it."""
        option = self._options.get(action)
        flag = action.option_strings[-1]
        inverted = action.nargs == 0 and action.const is False and not self._has_own(flag.replace("--no-", "--", 1))
        kinds: dict[Any, Literal["switch", "optional"]] = {0: "switch", "?": "optional"}
        scope: Scope = "never" if flag == "--help" else "command"
        return FlagForm(
            key=flag[2:].removeprefix("no-") if inverted else flag[2:],
            flag=flag,
            kind=kinds.get(action.nargs, "value"),
            inverted=inverted,
            repeatable=isinstance(action.default, list),
            metavar=str(action.metavar or ""),
            words=option.choices if option is not None else (),
            scope=getattr(action, "scope", scope) if option is None else option.configured,
        )

    def _has_own(self, name: str) -> bool:
        """Return whether there is a flag of this name, other than one that restores another flag."""
        action = self.flag(name)
        return action is not None and not isinstance(action, _Restore)

    @property
    def used(self) -> Mapping[argparse.Action, Given]:
        """The flags on the command line, with their texts; no texts for one whose built-in value is restored."""
        return self._used

    def restore(self, action: argparse.Action, namespace: argparse.Namespace) -> None:
        """Give a flag its built-in value."""
        if isinstance(action, Restorable):
            action.restore()
        setattr(namespace, action.dest, action.default)
        self._used[action] = ()

    def has(self, flag: str, arguments: Sequence[str]) -> bool:
        """Return whether a switch is given, before the command line can be parsed."""
        return flag in self._joined(arguments)

    def given(self, flag: str, arguments: Sequence[str]) -> list[str]:
        """Return the values of a flag before the command line can be parsed, as with `--plugin`, which adds flags."""
        start = f"{flag}="
        return [word.removeprefix(start) for word in self._joined(arguments) if word.startswith(start)]

    def replaced(self, arguments: Sequence[str], flag: str, *values: str) -> list[str]:
        """Return arguments without a flag and its values, and with new flags as the last ones.

        Args:
            flag: its long name.
            values: flags with their values, as separate arguments.
        """
        kept: list[str] = []
        start = f"{flag}="
        for given, joined in self._words(arguments):
            if joined is None:
                kept += values
                values = ()
            if joined is None or not joined.startswith(start):
                kept += given
        return [*kept, *values]

    def _joined(self, arguments: Sequence[str]) -> list[str]:
        return [joined for _, joined in self._words(arguments) if joined is not None]

    def _words(self, arguments: Sequence[str]) -> Iterator[tuple[Sequence[str], str | None]]:
        """Yield flags, with their values, and words: as they were given, and as argparse reads them unambiguously.

        It gets `--flag=value` for `--flag value`, as it could take the value for a flag, and no `--`: `None`.
        """
        rest = iter(arguments)
        for argument in rest:
            if argument == "--":
                yield [argument], None
                yield from (([word], _NOT_A_FLAG + word) for word in rest)
                return
            action = self._option_string_actions.get(argument)
            if action is not None and action.nargs is None and argument.startswith("-"):
                value = next(rest, None)
                if value is None:
                    raise UsageError(f"{argument}: needs a value", self._see())
                yield [argument, value], f"{action.option_strings[-1]}={value}"
            elif short := re.fullmatch(r"-([A-Za-z])=?(.+)", argument, re.DOTALL):
                action = self._option_string_actions.get(f"-{short[1]}")
                takes_value = action is not None and action.nargs is None
                yield [argument], f"{action.option_strings[-1]}={short[2]}" if action and takes_value else argument
            else:
                yield [argument], argument

    def _add_counterparts(self, words: Sequence[str]) -> None:
        """Add `--no-NAME` for a flag `--name`, and the reverse, which restores the built-in value."""
        for word in words:
            if not word.startswith("--") or word in self._option_string_actions:
                continue
            other = f"--{word[5:]}" if word.startswith("--no-") else f"--no-{word[2:]}"
            action = self._option_string_actions.get(other)
            if action is None or (form := self.form(action)).scope == "never":
                continue
            if word.startswith("--no-") != form.inverted:
                self.add_argument(word, dest=action.dest, action=_Restore, restored=action, default=action.default)

    def _get_values(self, action: argparse.Action, arg_strings: list[str]) -> Any:
        """Return a flag's value. Before Python 3.13, argparse takes the value `--` for the end of the flags."""
        if action.option_strings and not isinstance(action, _Restore):
            before = self._used.get(action, ())
            given: tuple[str | None, ...] = tuple(arg_strings) or (None,)
            self._used[action] = action.nargs == 0 or (*(before if isinstance(before, tuple) else ()), *given)
        if action.option_strings and arg_strings == ["--"]:
            return self._get_value(action, "--")
        return super()._get_values(action, arg_strings)

    def _unknown(self, argument: str) -> UsageError:
        if not argument.startswith("-") or argument == "-":
            word = argument.removeprefix(_NOT_A_FLAG)
            flags = [flag for flag in ("--workspace-name", "--message") if flag in self._option_string_actions]
            flags = flags if self.argument is None else []
            # Suggest the word as the value of a flag.
            hint = [f"Did you mean {' or '.join(f'{flag} {shlex.quote(word)}' for flag in flags)}?"] if flags else []
            return UsageError(f"Unexpected argument '{word}'", *hint, self._see())
        flag = argument.partition("=")[0]
        near = did_you_mean(flag, self._option_string_actions)
        return UsageError(f"Unknown flag '{flag}'", *([f"Did you mean {near}?"] if near else []), self._see())

    def _see(self) -> str:
        return f"See '{self.prog} --help'"

    def error(self, message: str) -> NoReturn:
        """Raise argparse's error as ours."""
        flag, _, what = message.removeprefix("argument ").partition(": ")
        name = flag.rpartition("/")[2]
        if what.startswith("ignored explicit argument"):
            raise UsageError(f"{name}: takes no value", self._see())
        raise UsageError(f"{name}: {what}" if what else message, self._see())

    def format_help(self) -> str:
        """Return the help in the window's width: summary, examples, flags by group, usage."""
        columns = max(window_columns(), _NARROWEST)
        parts = [wrapped(as_started(self._summary), columns, hang=0)]
        if self._examples:
            parts.append(f"Examples:\n{commands(examples_as_started(self._examples), columns)}")
        if self.argument is not None and self.argument.help:
            row = (f"    {self.argument.metavar}", self.argument.help)
            parts.append(f"Argument:\n{table([row], columns, left=_FLAGS)}")
        for title, actions in self.groups:
            rows = [(short.ljust(4) + long, as_started(text)) for short, long, text in map(described, actions)]
            parts.append(f"{title}:\n{table(rows, columns, left=_FLAGS)}")
        return "\n".join([*parts, f"Usage:\n  {self.usage_line}\n"])


def described(action: argparse.Action) -> tuple[str, str, str]:
    """Return a flag as the help shows it: its short name with a comma, its name with its value, and its help."""
    short = next((option for option in action.option_strings if not option.startswith("--")), "")
    long = next(option for option in action.option_strings if option.startswith("--"))
    metavar = f" {action.metavar}" if action.nargs is None and action.metavar else ""
    if action.nargs == "?":
        metavar = f"[={action.metavar}]"
    help_text = str(action.help or "")
    if _has_default(action.default):
        help_text += (
            f" (default {action.default:g})" if isinstance(action.default, float) else f" (default {action.default})"
        )
    return f"{short}," if short else "", f"{long}{metavar}", help_text


def _has_default(value: Any) -> bool:
    return value not in (None, "", argparse.SUPPRESS) and not isinstance(value, bool | list | tuple | dict)
