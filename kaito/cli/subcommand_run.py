"""Runs a subcommand: parses its command line, applies the configuration, and calls it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from msgspec import Struct

from kaito.cli.args.configured import Settings, apply_config, explained
from kaito.cli.args.parser import Parser
from kaito.cli.args.plugin_options import PluginOptions, add_plugin_flags
from kaito.cli.args.shared_flags import target_from
from kaito.cli.command_context import CommandContext
from kaito.cli.invocation import Invocation, make_parser
from kaito.config.fault_reports import raise_fault
from kaito.errors import ExitCode, NoClusterError, PluginError, UsageError, WorkspaceMissingError
from kaito.plugin.manager import Offered
from kaito.settings import Settings as RunSettings
from kaito.types import Command
from kaito.util.program import program_name

if TYPE_CHECKING:
    from kaito.cli.known_flags import KnownFlags

#: Commands that do not depend on the configuration, and work when it has a fault: `config` shows and corrects it.
_TOLERANT = frozenset({"completion", "config"})


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
        # A flag may be unknown because its plugin failed, or because the file that names the plugin is not valid.
        if command.connects:
            plugins.check_protection()
        config = parser.config
        if command.name not in _TOLERANT and config is not None and config.fault is not None:
            raise config.fault from None
        raise
    if given.help:
        call.terminal.write(parser.format_help())
        return ExitCode.OK
    given.configured = configured = _configure(offered, call, parser, options, given)
    # Its hooks see its own flags, too.
    plugins.set_options(offered.plugin, {**plugins.options_of(offered.plugin), **options.values.values})
    try:
        code = _run(offered, call, given)
    except WorkspaceMissingError as exc:
        if not (call.terminal.in_is_terminal and call.terminal.err_is_terminal):
            raise
        from kaito.cli.ready_workspaces import show_ready_workspaces

        # The error is shown first, as the lookup may take a moment.
        call.terminal.clear_status()
        call.terminal.error(exc)
        show_ready_workspaces(call, parser, target_from(given))
        code = exc.exit_code
    except UsageError as exc:
        raise explained(exc, parser, configured.settings) from exc
    except NoClusterError as exc:
        from kaito.endpoints.backend_choice import without_cluster

        if not command.connects:  # then the backends' own options are missing
            add_plugin_flags(Parser("", "", ""), plugins, "chat")
        backends = [one.value for one in plugins.backends(RunSettings()).values()]
        other = "" if command.connects else f"{program_name()} chat"
        raise NoClusterError(exc.message, *exc.hints, without_cluster(backends, other)) from exc
    call.terminal.clear_status()
    if code is not None and not (isinstance(code, int) and 0 <= code <= 255):
        raise PluginError(f"Plugin {offered.plugin} returned {code!r} from {command.name}, which is not an exit code")
    return ExitCode.OK if code is None else int(code)


class Configured(Struct, frozen=True, kw_only=True):
    """A command line after the configuration was applied."""

    parser: Parser
    settings: Settings = {}
    #: The faults of the configuration, for a command that works all the same.
    faults: Sequence[UsageError] = ()


def _configure(
    offered: Offered[Command], call: Invocation, parser: Parser, options: PluginOptions, given: argparse.Namespace
) -> Configured:
    """Apply the configuration to the command line.

    Raises:
        UsageError: the configuration is not valid.
    """
    command, config = offered.value, parser.config
    assert config is not None
    faults: list[UsageError] = []
    report = faults.append if command.name in _TOLERANT else raise_fault
    for fault in config.faults:
        report(fault)
    settings = apply_config(
        parser,
        given,
        config,
        options.acts_as or command.name,
        names_workspace=command.configurable_workspace,
        known=partial(_known_flags, call, command.name),
        report=report,
    )
    if config.warning:
        call.terminal.note(f"({config.warning})", dim=True)
    call.terminal.use_color(given.color)
    if given.verbose:
        if config.file is not None:
            profile = f", profile {config.profile}" if config.profile is not None else ""
            call.terminal.note(f"configuration: {config.file.at()}{profile}", dim=True)
        call.plugins.trace_to(call.terminal.explain)
    return Configured(parser=parser, settings=settings, faults=faults)


def _known_flags(call: Invocation, command: str) -> KnownFlags:
    """Return the flags of the other commands. Imported only when there is a configuration file."""
    from kaito.cli.known_flags import KnownFlags

    return KnownFlags(call, command)


def _run(offered: Offered[Command], call: Invocation, given: argparse.Namespace) -> int | None:
    with ExitStack() as resources:
        context = CommandContext(call, given, offered, resources)
        if offered.plugin.origin == "built-in":  # what it raises is a bug in kaito
            return offered.value.run(context)
        with call.plugins.isolated(offered.plugin, f"running {offered.value.name}"):
            return offered.value.run(context)
