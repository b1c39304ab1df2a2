"""The arguments of a subcommand, and what it needs to run."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

from msgspec import Struct

from kaito.cli.args.parser import Parser
from kaito.console.terminal import Terminal
from kaito.plugin import discovery
from kaito.plugin.manager import Plugins


class Invocation(Struct, frozen=True, kw_only=True):
    """Passed to the functions `run` and `make_parser` of a subcommand's module."""

    #: The command as the user entered it, such as `kubectl kaito chat`.
    command: str
    arguments: Sequence[str]
    terminal: Terminal
    plugins: Plugins
    environ: Mapping[str, str]
    #: Whether the command line is being completed, and may have errors.
    completing: bool = False

    def parse(self, parser: Parser) -> argparse.Namespace | None:
        """Parse the arguments; `None` when the user asked for the help, which is then shown.

        Raises:
            UsageError: an argument is not valid.
        """
        given = parser.parse(self.arguments)
        if given.help:
            self.terminal.write(parser.format_help())
            return None
        return given

    def load_plugins(self, parser: Parser) -> None:
        """Load the plugins that `--plugin` names.

        Raises:
            MissingPluginError: a file or module does not exist.
        """
        for plugin in discovery.named(parser.given("--plugin", self.arguments)):
            try:
                self.plugins.load([plugin])
            except discovery.MissingPluginError:
                if not self.completing:
                    raise
