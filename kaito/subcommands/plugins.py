"""`kaito plugins`: lists the plugins, what they provide, and why some were skipped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import asdict

from kaito import hookimpl
from kaito.cli.args.parser import Parser
from kaito.cli.args.plugin_options import add_plugin_flags
from kaito.cli.command_context import CommandContext
from kaito.plugin import discovery
from kaito.plugin.built_in import SUBCOMMANDS
from kaito.plugin.entry_points import allowed_names
from kaito.plugin.registry import PluginReport
from kaito.settings import Settings
from kaito.shell.input.entries import WORDS
from kaito.types import Cell, Column, Command, Row

_DESCRIPTION = "List the plugins with their package and version, what they provide, and why some were skipped."

_EXAMPLES = """
    # List the plugins
    kaito plugins

    # Write JSON
    kaito plugins -o json

    # Include a plugin that is not installed
    kaito plugins --plugin ./my_plugin.py
"""


def _run(context: CommandContext) -> None:
    plugins = context.invocation.plugins
    plugins.load(discovery.built_in_subcommand(name) for name in SUBCOMMANDS if name != "plugins")
    allowed = allowed_names(context.invocation.environ.get("KAITO_PLUGINS"))
    plugins.load(discovery.installed_subcommands(allowed))
    # What a plugin provides, and whether it is valid, is known only after its hooks were called.
    settings = Settings()
    add_plugin_flags(Parser("", "", ""), plugins, "chat")
    plugins.formatters()
    plugins.backends(settings)
    plugins.slash_commands(settings, WORDS)
    plugins.subcommands()
    reports = plugins.reports()
    if context.output in ("plain", "wide"):
        context.write_table(_COLUMNS, _rows(reports))
    else:
        context.write_object([asdict(plugin) for plugin in reports])


_COLUMNS = (
    Column(title="NAME", least=40),
    Column(title="DISTRIBUTION", rank=1),
    Column(title="VERSION", rank=2),
    Column(title="PROVIDES", below=True),
)


def _rows(reports: Iterable[PluginReport]) -> Iterator[Row | str]:
    for plugin in reports:
        provides = ", ".join(plugin.provides) or ("nothing" if plugin.loaded else "skipped")
        failed = bool(plugin.faults)
        yield Cell(plugin.name, "bad" if failed else ""), plugin.distribution, plugin.version, provides
        yield from (f"! {fault}" for fault in plugin.faults)


@hookimpl
def kaito_commands() -> Iterable[Command]:
    """Return `plugins`."""
    return [
        Command(
            name="plugins",
            summary=SUBCOMMANDS["plugins"],
            description=_DESCRIPTION,
            examples=_EXAMPLES,
            outputs=("wide", "json", "yaml"),
            run=_run,
        )
    ]
