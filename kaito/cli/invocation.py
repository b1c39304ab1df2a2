"""One call of a subcommand: what it was given and what it may use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from kaito.cli.args.parser import Parser
from kaito.console.terminal import Terminal
from kaito.plugin import discovery
from kaito.plugin.manager import Plugins


class Invocation(Struct, frozen=True, kw_only=True):
    """Passed to the `run` function of a subcommand's module."""

    #: How the user calls it, such as `kubectl kaito chat`.
    command: str
    arguments: Sequence[str]
    terminal: Terminal
    plugins: Plugins
    environ: Mapping[str, str]
    #: Whether the command line is being typed still, and completed: what is wrong with it is no matter.
    completing: bool = False

    def load_plugins(self, parser: Parser) -> None:
        """Load the plugins that the command line names.

        Raises:
            MissingPluginError: there is no such file or module.
        """
        for found in discovery.named(parser.given("--plugin", self.arguments)):
            try:
                self.plugins.load([found])
            except discovery.MissingPluginError:
                if not self.completing:
                    raise
