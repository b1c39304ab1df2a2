"""The flags of all commands, for messages about configuration keys that the running command does not have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

from msgspec.structs import replace

from kaito.cli.args.configured import forms_of
from kaito.cli.args.parser import Parser
from kaito.cli.args.plugin_options import keys_of_plugins
from kaito.cli.invocation import Invocation, make_parser
from kaito.cli.subcommand import find_subcommand
from kaito.errors import KaitoError, UsageError
from kaito.options import table
from kaito.plugin.built_in import SUBCOMMANDS
from kaito.plugin.entry_points import allowed_names, subcommand_names
from kaito.plugin.manager import Plugins


class KnownFlags:
    """The flags of all built-in commands, and those that plugins add.

    Args:
        call: the current run.
        command: the subcommand that runs.
    """

    def __init__(self, call: Invocation, command: str) -> None:
        self._call = call
        self._command = command

    def is_plugins(self, key: str, *, is_table: bool) -> bool:
        """Return whether plugins add a flag to `kaito chat` or to the command that runs, or a subcommand.

        Args:
            is_table: whether it can be a subcommand.
        """
        # A plugin that is not installed, but named, may have subcommands.
        return key in self._of_plugins or (is_table and key in self._call.plugins.subcommands())

    def commands_with(self, key: str) -> Sequence[str]:
        """Return the names of the built-in commands that have a flag of their own."""
        # `kaito config` has the flags of `kaito chat`, whose table applies.
        return [name for name, keys in self._of_commands.items() if key in keys and name != "config"]

    def all(self) -> Iterable[str]:
        """Return the keys of all flags that may be set, and the names of the subcommands."""
        shared = {option.flag[2:].removeprefix("no-") for option in table.ALL if option.configured != "never"}
        return {*shared, *self._of_plugins, *SUBCOMMANDS, *subcommand_names(None)}.union(*self._of_commands.values())

    @cached_property
    def _of_plugins(self) -> frozenset[str]:
        found = (keys_of_plugins(self._call.plugins, command) for command in {"chat", self._command})
        return frozenset().union(*found)

    @cached_property
    def _of_commands(self) -> Mapping[str, frozenset[str]]:
        found = {}
        for name in SUBCOMMANDS:
            forms = (form for _, form in forms_of(parser_of(name, self._call)).values())
            found[name] = frozenset(form.key for form in forms if form.scope == "command")
        return found


def parser_of(name: str, call: Invocation) -> Parser:
    """Return the parser of a built-in subcommand, without the flags of plugins."""
    bare = replace(call, arguments=("--no-config",), plugins=Plugins(warn=lambda _: None), environ={}, completing=True)
    return make_parser(find_subcommand(name, bare, ""), bare)[0]


def parser_of_plugin(name: str, call: Invocation, profile: str | None) -> Parser:
    """Return the parser of a plugin's subcommand.

    Args:
        profile: the profile whose plugins are loaded; `None` for those of `[defaults]`.

    Raises:
        KaitoError: the plugin failed, or may not be loaded.
    """
    allowed = allowed_names(call.environ.get("KAITO_PLUGINS"))
    if name in subcommand_names(None) and name not in subcommand_names(allowed):
        raise KaitoError(f"KAITO_PLUGINS leaves '{name}' out")
    bare = replace(
        call,
        arguments=("--profile", profile) if profile is not None else (),
        plugins=Plugins(warn=lambda _: None),
        environ={key: value for key, value in call.environ.items() if key == "KAITO_PLUGINS"},
        completing=True,
    )
    try:
        offered = find_subcommand(name, bare, "")
    except UsageError:  # a plugin that fails offers none
        raise KaitoError(f"the plugin of '{name}' cannot be loaded") from None
    return make_parser(offered, bare)[0]
