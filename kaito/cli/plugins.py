"""`kaito plugins`: lists the plugins, what they provide, and why some were skipped."""

from __future__ import annotations

import json
from collections.abc import Sequence

from msgspec.structs import asdict

from kaito.cli.args.parser import Parser
from kaito.cli.args.plugin_flags import add_plugin_flags
from kaito.cli.args.shared_flags import add_shared_flags
from kaito.cli.invocation import Invocation
from kaito.console.width import pad, width
from kaito.errors import ExitCode, UsageError
from kaito.plugin.registry import PluginReport
from kaito.settings import Settings
from kaito.shell.input.entries import WORDS
from kaito.util.sanitize import one_line

_SUMMARY = "List the plugins with their package and version, what they provide, and why some were skipped."

_EXAMPLES = """
    # List the plugins
    kaito plugins

    # Write JSON
    kaito plugins -o json

    # Include a plugin that is not installed
    kaito plugins --plugin ./my_plugin.py
"""


def run(call: Invocation) -> int:
    """Run `kaito plugins`; return its exit code.

    Raises:
        KaitoError: it failed; nothing has been shown yet.
    """
    plugins = call.plugins
    given = call.parse(make_parser(call))
    if given is None:
        return ExitCode.OK
    if given.output not in ("plain", "json"):
        raise UsageError(f"--output: '{given.output}' is not one of plain, json")
    # What a plugin provides, and whether it is valid, is known only after its hooks were called.
    settings = Settings()
    add_plugin_flags(Parser("", "", ""), plugins, "chat")
    plugins.formatters()
    plugins.backends(settings)
    plugins.slash_commands(settings, WORDS)
    reports = plugins.reports()
    call.terminal.write(_as_json(reports) if given.output == "json" else _as_table(reports))
    return ExitCode.OK


def make_parser(call: Invocation) -> Parser:
    """Return the parser, after loading the plugins that the command line names."""
    parser = Parser(call.command, _SUMMARY, _EXAMPLES)
    parser.add_argument("-o", "--output", default="plain", metavar="plain|json", help="Format of the list")
    add_shared_flags(parser)
    call.load_plugins(parser)
    return parser


def _as_table(reports: Sequence[PluginReport]) -> str:
    rows = [("NAME", "DISTRIBUTION", "VERSION", "PROVIDES")]
    for plugin in reports:
        provides = ", ".join(plugin.provides) or ("nothing" if plugin.loaded else "skipped")
        rows.append((plugin.name, plugin.distribution, plugin.version or "-", provides))
        rows.extend(("", "", "", f"! {fault}") for fault in plugin.faults)
    cleaned = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(width(row[column]) for row in cleaned) for column in range(3)]
    return "".join("   ".join([*map(pad, row, widths), row[3]]).rstrip() + "\n" for row in cleaned)


def _as_json(reports: Sequence[PluginReport]) -> str:
    return json.dumps([asdict(plugin) for plugin in reports], indent=2) + "\n"
