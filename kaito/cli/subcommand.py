"""Finds a subcommand by its name."""

from __future__ import annotations

from kaito.cli.args.configured import config_of
from kaito.cli.args.parser import Parser
from kaito.cli.args.shared_flags import add_shared_flags
from kaito.cli.invocation import Invocation, load_named
from kaito.errors import PluginError, UsageError
from kaito.plugin import discovery
from kaito.plugin.built_in import SUBCOMMANDS
from kaito.plugin.entry_points import allowed_names, subcommand_names
from kaito.plugin.manager import Offered
from kaito.types import Command
from kaito.util.suggest import did_you_mean


def known_subcommands() -> list[str]:
    """Return the names of all subcommands that are installed, and `help`."""
    return [*SUBCOMMANDS, *subcommand_names(None), "help"]


def find_subcommand(name: str, call: Invocation, hint: str) -> Offered[Command]:
    """Return a subcommand; only its plugin is imported, and those that `--plugin` names.

    Args:
        hint: the last line of the error.

    Raises:
        UsageError: there is none of this name.
        PluginError: its plugin failed.
    """
    plugins = call.plugins
    allowed = allowed_names(call.environ.get("KAITO_PLUGINS"))
    if name in SUBCOMMANDS:
        plugins.load([discovery.built_in_subcommand(name)])
    else:
        plugins.load(discovery.installed_subcommands(allowed, name))
        parser = Parser(call.command, "", "")
        add_shared_flags(parser)
        load_named(parser, call, config_of(parser, call.arguments, call.environ, name), name)
    subcommands = plugins.subcommands(taken={*SUBCOMMANDS} - {name})
    offered = subcommands.get(name)
    if offered is None and (owner := next((one for one in plugins.loaded() if one.name == f"kaito {name}"), None)):
        others = ", ".join(one for one in subcommands if one not in SUBCOMMANDS)
        raise PluginError(f"Plugin {owner} offers no subcommand '{name}'", f"It offers {others or 'none'}")
    if offered is None:
        names = [*SUBCOMMANDS, *subcommand_names(allowed)]
        near = did_you_mean(name, [each for each in names if each != name])
        raise UsageError(f"Unknown command '{name}'", *([f"Did you mean '{near}'?"] if near else []), hint)
    return offered
