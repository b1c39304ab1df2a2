"""The call of one subcommand: its arguments, and what it may use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from kaito.cli.args.parser import Parser
from kaito.console.terminal import Terminal
from kaito.plugin import discovery
from kaito.plugin.manager import Plugins


class Invocation(Struct, frozen=True, kw_only=True):
    """The argument of a subcommand's `run` function."""

    #: The program and the subcommand as the user typed them, such as `kubectl kaito chat`.
    command: str
    arguments: Sequence[str]
    terminal: Terminal
    plugins: Plugins
    environ: Mapping[str, str]
    #: Whether the command line is being completed, so that errors in it do not matter.
    completing: bool = False

    def load_plugins(self, parser: Parser) -> None:
        """Load the plugins that `--plugin` names.

        Raises:
            MissingPluginError: there is no such file or module.
        """
        for plugin in discovery.named(parser.given("--plugin", self.arguments)):
            try:
                self.plugins.load([plugin])
            except discovery.MissingPluginError:
                if not self.completing:
                    raise
