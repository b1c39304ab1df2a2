"""Suggests what may come next on a command line, from the parsers of the subcommands."""

from __future__ import annotations

import os
import re
from argparse import Action
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, cast

from msgspec import Struct

from kaito.cli.app import command_position
from kaito.cli.args.configured import config_of, early_texts
from kaito.cli.args.parser import Parser
from kaito.cli.args.shared_flags import GLOBAL_VALUE_FLAGS, add_cluster_flags, add_shared_flags
from kaito.cli.invocation import Invocation, make_parser
from kaito.cli.subcommand import find_subcommand
from kaito.console.terminal import Terminal
from kaito.options import table
from kaito.options.option import Option
from kaito.options.prompts import names_file
from kaito.plugin.built_in import SUBCOMMANDS
from kaito.plugin.entry_points import allowed_names, subcommand_names
from kaito.plugin.manager import Plugins, create_plugins
from kaito.settings import Settings
from kaito.shell.input.filenames import found_names
from kaito.types import Target

if TYPE_CHECKING:
    from kaito.types.options import Completer, WordCompleter

# A metavar that lists the values, such as `auto|always|never`.
_CHOICES = re.compile(r"[a-z0-9-]+(\|[a-z0-9-]+)+")
_SHORT_WITH_VALUE = re.compile(r"(-[A-Za-z])(.+)", re.DOTALL)


class Suggestion(Struct, frozen=True):
    """A word and its description."""

    word: str
    description: str = ""


class Suggestions(Struct, frozen=True):
    """What may come next."""

    words: Sequence[Suggestion] = ()
    #: Whether it is a file name, which the shell completes.
    files: bool = False
    #: Whether the shell keeps the order of the words. It does for values, and sorts commands and flags.
    ordered: bool = False

    def starting_with(self, text: str, prefix: str = "") -> Suggestions:
        """Return the words that start with a text, each with a prefix."""
        matching = [Suggestion(prefix + one.word, one.description) for one in self.words if one.word.startswith(text)]
        return Suggestions(matching, self.files, self.ordered)


def suggest(words: Sequence[str], environ: Mapping[str, str]) -> Suggestions:
    """Return the completions of the last word; for `--flag=value` without the flag, as in kubectl.

    Args:
        words: the words after the program's name, without the shell's quotes; the last one may be empty.

    Raises:
        KaitoError: the line or a kubeconfig is not valid.
    """
    *before, current = words or [""]
    position = command_position(before)
    allowed = allowed_names(environ.get("KAITO_PLUGINS"))
    installed = dict.fromkeys(subcommand_names(allowed), "From a plugin")
    summaries = [Suggestion(name, summary) for name, summary in {**installed, **SUBCOMMANDS}.items()]
    if position >= len(before):
        summaries.append(Suggestion("help", "Show the help of a command"))
        return _Line(_parser_before_command(), before, environ).suggest(current, summaries)
    name, rest = before[position], [*before[:position], *before[position + 1 :]]
    if name == "help":
        return Suggestions() if rest else Suggestions(summaries).starting_with(current)
    plugins = create_plugins(warn=lambda _: None, allowed=environ.get("KAITO_PLUGINS"))
    call = Invocation(
        command=f"kaito {name}",
        # The last word may be a flag without its value; the parser is created from the line.
        arguments=[*rest, ""],
        terminal=Terminal(None, None, None, environ),
        plugins=plugins,
        environ=environ,
        completing=True,
    )
    parser, _ = make_parser(find_subcommand(name, call, ""), call)
    return _Line(parser, rest, environ, name, plugins).suggest(current)


def _parser_before_command() -> Parser:
    parser = Parser("", "", "")
    add_shared_flags(parser)
    add_cluster_flags(parser)
    parser.add_argument("--version", action="store_true", help="Show the version")
    return parser


def _words(words: Iterable[str]) -> Sequence[Suggestion]:
    return [Suggestion(word) for word in words]


def _described(words: Iterable[str]) -> Sequence[Suggestion]:
    """Return suggestions from words with optional descriptions after a tab."""
    parts = (str(word).partition("\t") for word in words)
    return [Suggestion(word, description) for word, _, description in parts]


def _may_take_next(flag: Action) -> bool:
    """Return whether a flag with an optional value takes the next argument, unless that is a flag."""
    return flag.nargs == "?"


class _Line:
    """The arguments before the word that is completed.

    Before the subcommand there are no plugins, whose flags are not allowed there.
    """

    def __init__(
        self,
        parser: Parser,
        arguments: Sequence[str],
        environ: Mapping[str, str],
        command: str = "",
        plugins: Plugins | None = None,
    ) -> None:
        self._parser = parser
        self._environ = environ
        self._plugins = plugins
        self._given: list[str] = []
        self._command = command
        #: The flag whose value is completed.
        self._flag: Action | None = None
        #: Whether `--` has ended the flags.
        self._ended = False
        for argument in arguments:
            self._add(argument)
        self._config = config_of(parser, self._given, environ, command)

    def _add(self, argument: str) -> None:
        if self._flag is not None and _may_take_next(self._flag) and argument.startswith("-"):
            self._given.append(self._flag.option_strings[-1])
            self._flag = None
            self._add(argument)
        elif self._flag is not None:
            self._given.append(f"{self._flag.option_strings[-1]}={argument}")
            self._flag = None
        elif argument == "--":
            self._ended = True
        elif not self._ended and argument.startswith("-"):
            flag = self._parser.flag(argument)
            if flag is not None and (flag.nargs is None or _may_take_next(flag)):
                self._flag = flag
            else:
                self._given.append(argument)
        elif not argument.startswith("-"):
            self._given.append(argument)

    def suggest(self, current: str, words: Sequence[Suggestion] | None = None) -> Suggestions:
        """Return the completions of a word: flags, values, or `words`.

        Args:
            words: the subcommands; `None` after a subcommand, for the values of its argument.
        """
        if self._flag is not None and not (_may_take_next(self._flag) and current.startswith("-")):
            return self._values(self._flag, current).starting_with(current)
        if self._ended and words is not None:
            return Suggestions()
        if self._ended or not current.startswith("-"):
            return (self._arguments() if words is None else Suggestions(words)).starting_with(current)
        name, equals, value = current.partition("=")
        if equals:
            flag = self._parser.flag(name)
            takes_value = flag is not None and flag.nargs in (None, "?")
            return self._values(flag, value).starting_with(value) if flag is not None and takes_value else Suggestions()
        if match := _SHORT_WITH_VALUE.fullmatch(current):
            flag = self._parser.flag(match[1])
            if flag is not None and flag.nargs is None:
                return self._values(flag, match[2]).starting_with(match[2], prefix=match[1])
        flags = self._flags(short=current == "-", reverse=current.startswith("--no-"))
        return flags.starting_with(current)

    def _flags(self, *, short: bool, reverse: bool) -> Suggestions:
        """Return the flags that may still be given.

        Args:
            short: also in their short forms.
            reverse: also those that restore built-in values.
        """
        given = {word.partition("=")[0] for word in self._given}
        suggestions = []
        for flag in self._parser.flags:
            is_repeatable = isinstance(flag.default, list)
            is_global = flag.nargs == 0 or not GLOBAL_VALUE_FLAGS.isdisjoint(flag.option_strings)
            if (is_repeatable or given.isdisjoint(flag.option_strings)) and (self._plugins is not None or is_global):
                names = flag.option_strings if short else [name for name in flag.option_strings if name[:2] == "--"]
                suggestions += [Suggestion(name, str(flag.help or "")) for name in names]
                form = self._parser.form(flag)
                if reverse and form.scope != "never" and not form.inverted:
                    suggestions.append(Suggestion(f"--no-{form.key}", f"Restore the built-in value of {form.flag}"))
        return Suggestions(suggestions)

    def _values(self, flag: Action, typed: str) -> Suggestions:
        """Return the values of a flag.

        Args:
            typed: what is typed of the value.
        """
        if complete := getattr(flag, "complete", None):
            return Suggestions(self._offered_by_plugin(complete), ordered=True)
        if (source := _VALUE_SOURCES.get(flag.option_strings[-1])) is not None:
            return Suggestions(source(self), ordered=True)
        metavar = str(flag.metavar or "")
        if flag.dest == "output" and self._parser.formats is not None:
            words = [word for word in self._given if not word.startswith("-")]
            return Suggestions(_words(self._parser.formats(words)), ordered=True)
        if _CHOICES.fullmatch(metavar):
            return Suggestions(_words(metavar.split("|")), ordered=True)
        if flag.dest == "output" and self._plugins is not None:
            return Suggestions(_words(sorted(self._plugins.formatters())), ordered=True)
        forms = metavar.split("|")
        if "@FILE" in forms and names_file(typed):
            # The shell itself does not complete a file name after `@`.
            return Suggestions(_words(f"@{name}" for name in found_names(typed[1:])), ordered=True)
        return Suggestions(files=forms[-1] == "FILE")

    def _arguments(self) -> Suggestions:
        """Return the values of the subcommand's argument, or of the next word of it."""
        argument = self._parser.argument
        before = [word for word in self._given if not word.startswith("-")]
        if argument is None or (before and not argument.repeatable):
            return Suggestions()
        if argument.complete is None:
            return Suggestions(_words(argument.choices), files=argument.metavar == "FILE", ordered=True)
        if not argument.repeatable:
            return Suggestions(self._offered_by_plugin(cast("Completer", argument.complete)), ordered=True)
        offered: Iterable[str] | None = ()
        with suppress(Exception, SystemExit):
            offered = cast("WordCompleter", argument.complete)(before)
        return Suggestions(files=True) if offered is None else Suggestions(_described(offered), ordered=True)

    def _offered_by_plugin(self, complete: Completer) -> Sequence[Suggestion]:
        """Return what a plugin's function offers; nothing if it fails."""
        offered: Sequence[Suggestion] = ()
        with suppress(Exception, SystemExit):
            offered = _described(self._called(complete))
        return offered

    def _called(self, complete: Completer) -> Iterable[str]:
        if not iscoroutinefunction(complete):
            return cast("Callable[[], Iterable[str]]", complete)()
        from kaito.cli.completion.cluster_names import offered

        return offered(self._target(), self._environ, complete)

    def _last(self, option: Option) -> str | None:
        given = self._parser.given(option.flag, self._given)
        return next(reversed(given or early_texts(self._parser, self._config, self._command, option)), None)

    def _target(self) -> Target:
        path = self._last(table.KUBECONFIG)
        return Target(
            namespace=self._last(table.NAMESPACE),
            # The shell has not expanded it.
            kubeconfig=None if path is None else os.path.expandvars(os.path.expanduser(path)),
            context=self._last(table.CONTEXT),
        )

    def profiles(self) -> Sequence[Suggestion]:
        """Return the profiles of the configuration file."""
        return _words(self._config.profiles)

    def backends(self) -> Sequence[Suggestion]:
        """Return the values of `--backend`."""
        return _words(["auto", *sorted(self._plugins.backends(Settings()) if self._plugins is not None else ())])

    def contexts(self) -> Sequence[Suggestion]:
        """Return the contexts of the kubeconfig."""
        from kaito.cluster.auth.kubeconfig import context_names

        return _words(context_names(self._target().kubeconfig, self._environ))

    def namespaces(self) -> Sequence[Suggestion]:
        """Return the namespaces of the cluster."""
        from kaito.cli.completion.cluster_names import namespaces

        return [Suggestion(*name) for name in namespaces(self._target(), self._environ)]

    def conversations(self) -> Sequence[Suggestion]:
        """Return the identifiers of past conversations, with their titles."""
        from kaito.history.identifier_completion import conversation_words

        return _described(conversation_words(self._environ))

    def workspaces(self) -> Sequence[Suggestion]:
        """Return the workspaces and InferenceSets of the namespace."""
        from kaito.cli.completion.cluster_names import workspaces

        return [Suggestion(*name) for name in workspaces(self._target(), self._environ)]


#: Flags whose values depend on the plugins, the kubeconfig or the cluster.
_VALUE_SOURCES: Mapping[str, Callable[[_Line], Sequence[Suggestion]]] = {
    "--backend": _Line.backends,
    "--context": _Line.contexts,
    "--namespace": _Line.namespaces,
    "--profile": _Line.profiles,
    "--resume": _Line.conversations,
    "--workspace-name": _Line.workspaces,
}
