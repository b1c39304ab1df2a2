"""What may stand next on a command line, by the commands' own parsers."""

from __future__ import annotations

import os
import re
from argparse import Action
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module

from msgspec import Struct

from kaito.cli.app import command_position
from kaito.cli.args.parser import Parser
from kaito.cli.args.shared_flags import GLOBAL_VALUE_FLAGS, add_cluster_flags, add_shared_flags
from kaito.cli.invocation import Invocation
from kaito.console.terminal import Terminal
from kaito.plugin.manager import Plugins, create_plugins
from kaito.settings import Settings
from kaito.types import Target

# What the help shows for a value of which there are few, such as `auto|always|never`.
_CHOICES = re.compile(r"[a-z0-9-]+(\|[a-z0-9-]+)+")
_SHORT_WITH_VALUE = re.compile(r"(-[A-Za-z])(.+)", re.DOTALL)


class Suggestion(Struct, frozen=True):
    """One word that may stand there."""

    word: str
    description: str = ""


class Suggestions(Struct, frozen=True):
    """All that may stand there."""

    words: Sequence[Suggestion] = ()
    #: Whether it is the name of a file, which the shell knows best.
    files: bool = False

    def starting(self, prefix: str, start: str) -> Suggestions:
        """Return those that start with `start`, `prefix` before each."""
        fitting = (one for one in self.words if one.word.startswith(start))
        return Suggestions([Suggestion(prefix + one.word, one.description) for one in fitting], self.files)


def suggest(words: Sequence[str], commands: Mapping[str, str], environ: Mapping[str, str]) -> Suggestions:
    """Return what the last of `words` may become.

    Args:
        words: what stands after the program's name, without the shell's quotes; the last may be empty. What is
            suggested for the value of `--flag=value` is the value alone, as kubectl has it.
        commands: the subcommands, and what each does.
        environ: the environment.

    Raises:
        KaitoError: the line cannot be read, or a kubeconfig cannot.
    """
    *before, current = words or [""]
    position = command_position(before)
    if position >= len(before):
        return _Line(_parser_of_all(), before, environ).suggest(current, _before_command(commands))
    name, rest = before[position], [*before[:position], *before[position + 1 :]]
    if name == "help":
        return Suggestions() if rest else _summaries(commands).starting("", current)
    if name not in commands:
        return Suggestions()
    plugins = create_plugins(warn=lambda _: None, allowed=environ.get("KAITO_PLUGINS"))
    silent = Terminal(None, None, None, environ)
    command = import_module(f"kaito.cli.{name.replace('-', '_')}")
    # The last word may be a flag that waits for its value, with which no parser can be made.
    call = Invocation(
        command=f"kaito {name}",
        arguments=[*rest, ""],
        terminal=silent,
        plugins=plugins,
        environ=environ,
        completing=True,
    )
    parser: Parser = command.make_parser(call)
    return _Line(parser, rest, environ, plugins).suggest(current, _words_of(parser, rest))


def _parser_of_all() -> Parser:
    """Return a parser of what may stand before the subcommand."""
    parser = Parser("", "", "")
    add_shared_flags(parser)
    add_cluster_flags(parser)
    parser.add_argument("--version", action="store_true", help="Show the version")
    return parser


def _before_command(commands: Mapping[str, str]) -> Suggestions:
    return Suggestions([*_summaries(commands).words, Suggestion("help", "Show the help of a command")])


def _summaries(commands: Mapping[str, str]) -> Suggestions:
    return Suggestions([Suggestion(name, summary) for name, summary in commands.items()])


def _words_of(parser: Parser, arguments: Sequence[str]) -> Suggestions:
    taken = any(word in parser.words for word in arguments)
    return Suggestions() if taken else _plain(parser.words)


def _plain(words: Iterable[str]) -> Suggestions:
    return Suggestions([Suggestion(word) for word in words])


class _Line:
    """A command line up to the word that is being typed.

    Args:
        parser: reads it.
        arguments: the words before that one, without the subcommand.
        environ: the environment.
        plugins: those that take part; `None` before the subcommand, where any flag of a plugin would be unknown.
    """

    def __init__(
        self, parser: Parser, arguments: Sequence[str], environ: Mapping[str, str], plugins: Plugins | None = None
    ) -> None:
        self._parser = parser
        self._environ = environ
        self._plugins = plugins
        self._given: list[str] = []
        #: The flag that the next word is the value of.
        self._open: Action | None = None
        #: After `--` nothing is a flag.
        self._ended = False
        for word in arguments:
            self._take(word)

    def _take(self, word: str) -> None:
        if self._open is not None:
            self._given.append(f"{self._open.option_strings[-1]}={word}")
            self._open = None
        elif word == "--":
            self._ended = True
        elif not self._ended and word.startswith("-"):
            flag = self._parser.flag(word)
            if flag is not None and flag.nargs is None:
                self._open = flag
            else:
                self._given.append(word)

    def suggest(self, current: str, words: Suggestions) -> Suggestions:
        """Return what the word may become; `words` are what may stand there besides flags."""
        if self._open is not None:
            return self._values(self._open).starting("", current)
        if self._ended:
            return Suggestions()
        if not current.startswith("-"):
            return words.starting("", current)
        name, equals, value = current.partition("=")
        if equals:
            flag = self._parser.flag(name)
            takes_value = flag is not None and flag.nargs in (None, "?")
            return self._values(flag).starting("", value) if flag is not None and takes_value else Suggestions()
        if joined := _SHORT_WITH_VALUE.fullmatch(current):
            flag = self._parser.flag(joined[1])
            if flag is not None and flag.nargs is None:
                return self._values(flag).starting(joined[1], joined[2])
        return self._flags(short=current == "-").starting("", current)

    def _flags(self, *, short: bool) -> Suggestions:
        """Return the flags that may still be given."""
        given = {word.partition("=")[0] for word in self._given}
        found = []
        for flag in self._parser.flags:
            repeats = isinstance(flag.default, list)
            anywhere = flag.nargs == 0 or not GLOBAL_VALUE_FLAGS.isdisjoint(flag.option_strings)
            if (repeats or given.isdisjoint(flag.option_strings)) and (self._plugins is not None or anywhere):
                names = flag.option_strings if short else [name for name in flag.option_strings if name[:2] == "--"]
                found += [Suggestion(name, str(flag.help or "")) for name in names]
        return Suggestions(found)

    def _values(self, flag: Action) -> Suggestions:
        if ask := _ASK.get(flag.option_strings[-1]):
            return ask(self)
        metavar = str(flag.metavar or "")
        if _CHOICES.fullmatch(metavar):
            return _plain(metavar.split("|"))
        if flag.dest == "output" and self._plugins is not None:
            return _plain(sorted(self._plugins.formatters()))
        return Suggestions(files=metavar.rpartition("|")[2] == "FILE")

    def _last(self, flag: str) -> str | None:
        return next(reversed(self._parser.given(flag, self._given)), None)

    def _kubeconfig(self) -> str | None:
        # The shell has not expanded it yet.
        path = self._last("--kubeconfig")
        return None if path is None else os.path.expandvars(os.path.expanduser(path))

    def _target(self) -> Target:
        return Target(
            namespace=self._last("--namespace"), kubeconfig=self._kubeconfig(), context=self._last("--context")
        )

    def backends(self) -> Suggestions:
        """Return the names of the backends, as `--backend` takes them."""
        offered = self._plugins.backends(Settings()) if self._plugins is not None else {}
        return _plain(["auto", *sorted(offered)])

    def contexts(self) -> Suggestions:
        """Return the names of the kubeconfig's contexts."""
        from kaito.cluster.auth.kubeconfig import context_names

        return _plain(context_names(self._kubeconfig(), self._environ))

    def namespaces(self) -> Suggestions:
        """Return the cluster's namespaces, or those that the kubeconfig's contexts name."""
        from kaito.cli.completion.cluster_names import namespaces

        return _plain(namespaces(self._target(), self._environ))

    def workspaces(self) -> Suggestions:
        """Return the namespace's workspaces and InferenceSets."""
        from kaito.cli.completion.cluster_names import workspaces

        return Suggestions([Suggestion(*found) for found in workspaces(self._target(), self._environ)])


#: Flags whose values are asked for.
_ASK: Mapping[str, Callable[[_Line], Suggestions]] = {
    "--backend": _Line.backends,
    "--context": _Line.contexts,
    "--namespace": _Line.namespaces,
    "--workspace-name": _Line.workspaces,
}
