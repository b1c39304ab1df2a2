"""The arguments of a subcommand, and what it needs to run."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

from msgspec import Struct

from kaito.cli.args.parser import Parser
from kaito.console.terminal import Terminal
from kaito.errors import UsageError
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

    def parse(self, parser: Parser, *, sends: bool = False) -> argparse.Namespace | None:
        """Parse the arguments; `None` when the user asked for the help, which is then shown.

        Args:
            sends: whether the command sends what plugins may redact: none of those may be missing.

        Raises:
            UsageError: an argument is not valid.
            PluginError: a plugin that may redact what is sent failed.
        """
        try:
            given = parser.parse(self.arguments)
        except UsageError:
            if sends:  # a flag may be unknown because its plugin failed
                self.plugins.check_protection()
            raise
        if given.help:
            self.terminal.write(parser.format_help())
            return None
        if sends:
            self.plugins.check_protection()
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
