"""`kaito plugins`: what is loaded, from where, what it provides, and what was skipped and why."""

from __future__ import annotations

import json
from collections.abc import Sequence

from msgspec.structs import asdict

from kaito.cli.args.parser import Parser
from kaito.cli.args.shared_flags import add_plugin_flags, add_shared_flags
from kaito.cli.invocation import Invocation
from kaito.console.sanitize import one_line
from kaito.console.width import pad, width
from kaito.errors import ExitCode, UsageError
from kaito.plugin.manager import PluginReport
from kaito.settings import Settings
from kaito.shell.input.entries import WORDS

_SUMMARY = "Show the plugins: their distribution and version, what they provide, and which were skipped and why."

_EXAMPLES = """
    # List the plugins
    kaito plugins

    # For a program to read
    kaito plugins -o json

    # Try one that is not installed
    kaito plugins --plugin ./my_plugin.py
"""


def run(call: Invocation) -> int:
    """Run `kaito plugins`; return its exit code.

    Raises:
        KaitoError: it failed; nothing has been said of it yet.
    """
    terminal, plugins = call.terminal, call.plugins
    parser = make_parser(call)
    given = parser.parse(call.arguments)
    if given.help:
        terminal.write(parser.format_help())
        return ExitCode.OK
    if given.output not in ("plain", "json"):
        raise UsageError(f"--output: '{given.output}' is not one of plain, json")
    # What a plugin provides, and whether it does so properly, shows when it is asked.
    settings = Settings()
    add_plugin_flags(Parser("", "", ""), plugins, "chat")
    plugins.formatters()
    plugins.backends(settings)
    plugins.slash_commands(settings, WORDS)
    terminal.write(_as_json(plugins.reports()) if given.output == "json" else _as_table(plugins.reports()))
    return ExitCode.OK


def make_parser(call: Invocation) -> Parser:
    """Return the parser, once the plugins that the command line names are loaded."""
    parser = Parser(call.command, _SUMMARY, _EXAMPLES)
    parser.add_argument("-o", "--output", default="plain", metavar="plain|json", help="How the list is shown")
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
