"""`kaito completion`: the script by which a shell completes what is typed."""

from __future__ import annotations

from importlib import resources

from kaito.cli.args.parser import Parser
from kaito.cli.invocation import Invocation
from kaito.errors import ExitCode

_SHELLS = ("bash", "zsh", "fish")

_SUMMARY = (
    "Print the script by which a shell completes commands, flags and their values, such as the cluster's workspaces. "
    "'kubectl kaito' is completed by kubectl's own script, with nothing more to set up."
)

_EXAMPLES = """
    # bash, in ~/.bashrc
    source <(kaito completion bash)

    # zsh, in ~/.zshrc, after compinit; or as the file _kaito in a folder of $fpath
    source <(kaito completion zsh)

    # fish, once
    kaito completion fish > ~/.config/fish/completions/kaito.fish
"""


def run(call: Invocation) -> int:
    """Run `kaito completion`; return its exit code.

    Raises:
        KaitoError: it failed; nothing has been said of it yet.
    """
    parser = make_parser(call)
    given = parser.parse(call.arguments)
    if given.help:
        call.terminal.write(parser.format_help())
        return ExitCode.OK
    call.terminal.write(
        resources.files("kaito.cli.completion").joinpath("scripts", f"kaito.{given.word}").read_text("utf-8")
    )
    return ExitCode.OK


def make_parser(call: Invocation) -> Parser:
    """Return the parser."""
    return Parser(call.command, _SUMMARY, _EXAMPLES, words=_SHELLS)
