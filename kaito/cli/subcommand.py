"""Finds a subcommand by its name, and runs it."""

from __future__ import annotations

from contextlib import ExitStack

from kaito.cli.args.parser import Parser
from kaito.cli.args.shared_flags import add_shared_flags
from kaito.cli.command_context import CommandContext
from kaito.cli.invocation import Invocation, load_named, make_parser
from kaito.errors import ExitCode, PluginError, UsageError
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
        load_named(parser, call)
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


def run_subcommand(offered: Offered[Command], call: Invocation) -> int:
    """Run a subcommand; return its exit code.

    Raises:
        KaitoError: it failed.
        Interrupted: Ctrl-C.
    """
    command, plugins = offered.value, call.plugins
    parser, options = make_parser(offered, call)
    try:
        given = parser.parse(call.arguments)
    except UsageError:
        if command.connects:  # a flag may be unknown because its plugin failed
            plugins.check_protection()
        raise
    if given.help:
        call.terminal.write(parser.format_help())
        return ExitCode.OK
    # Its hooks see its own flags, too.
    plugins.set_options(offered.plugin, {**plugins.options_of(offered.plugin), **options.values.values})
    with ExitStack() as resources:
        context = CommandContext(call, given, offered, resources)
        if offered.plugin.origin == "built-in":  # what it raises is a bug of ours
            code = command.run(context)
        else:
            with plugins.isolated(offered.plugin, f"running {command.name}"):
                code = command.run(context)
    call.terminal.clear_status()
    if code is not None and not isinstance(code, int):
        raise PluginError(f"Plugin {offered.plugin} returned {code!r} from {command.name}, which is not an exit code")
    return ExitCode.OK if code is None else int(code)
