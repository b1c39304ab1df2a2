"""One run of a subcommand: its arguments, its terminal and plugins, and its parser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from kaito.cli.args.configured import config_of, early_setting, texts_of
from kaito.cli.args.parser import Parser
from kaito.cli.args.plugin_options import PluginOptions, add_plugin_flags
from kaito.cli.args.shared_flags import add_cluster_flags, add_endpoint_flags, add_output_flag, add_shared_flags
from kaito.config.user_config import UserConfig
from kaito.console.terminal import Terminal
from kaito.options import table
from kaito.plugin import discovery
from kaito.plugin.manager import Offered, Plugins
from kaito.types import Command


class Invocation(Struct, frozen=True, kw_only=True):
    """One run of a subcommand, or the completion of its command line."""

    #: The command as the user entered it, such as `kubectl kaito chat`.
    command: str
    arguments: Sequence[str]
    terminal: Terminal
    plugins: Plugins
    environ: Mapping[str, str]
    #: Whether the command line is being completed, and may have errors.
    completing: bool = False


def make_parser(offered: Offered[Command], call: Invocation) -> tuple[Parser, PluginOptions]:
    """Return the parser of a subcommand, with the flags of plugins, and its own options.

    Raises:
        KaitoError: a plugin that `--plugin` names does not exist, or the subcommand's plugin failed.
    """
    command = offered.value
    parser = Parser(call.command, command.description or f"{command.summary}.", command.examples)
    later = [*table.SHARED, *(table.CONNECTION if command.connects else [])]
    options = PluginOptions(
        parser,
        call.plugins,
        offered.plugin,
        "Flags of the command",
        subcommand=True,
        reserved=frozenset(name for option in later for name in (option.flag, option.short) if name),
    )
    if command.connects or command.cluster:
        add_cluster_flags(
            parser,
            waits=command.connects or command.waits,
            workspace=command.connects or command.names_workspace,
        )
    if command.outputs:
        add_output_flag(parser, ["plain", *command.outputs])
    if command.options is not None:
        with call.plugins.isolated(offered.plugin, f"adding the options of {command.name}"):
            command.options(options)
    if command.connects:
        add_endpoint_flags(parser)
    add_shared_flags(parser)
    parser.config = config_of(parser, call.arguments, call.environ, command.name)
    if offered.plugin.origin == "built-in":  # otherwise they were loaded to find the subcommand
        load_named(parser, call, parser.config, options.acts_as or command.name)
    if command.connects or options.acts_as:
        add_plugin_flags(parser, call.plugins, options.acts_as or command.name)
    return parser, options


def load_named(parser: Parser, call: Invocation, config: UserConfig, command: str) -> None:
    """Load the plugins that `--plugin` or the configuration names, unless they are loaded already.

    Raises:
        MissingPluginError: a file or module does not exist.
    """
    flag, setting = table.PLUGIN.flag, None
    names = parser.given(flag, call.arguments)
    if not names and not parser.has(f"--no-{flag[2:]}", call.arguments):
        setting = early_setting(parser, config, command, table.PLUGIN)
        names = texts_of(setting)
    for plugin in discovery.named(names):
        try:
            call.plugins.load([plugin])
        except discovery.MissingPluginError as exc:
            if call.completing:
                continue
            if setting is not None:
                raise setting.origin.error(exc.message.removeprefix(f"{flag}: "), *exc.hints) from None
            raise
