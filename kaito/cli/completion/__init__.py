"""`kaito completion`: prints the completion script of a shell."""

from __future__ import annotations

from importlib import resources

from kaito.cli.args.parser import Parser
from kaito.cli.invocation import Invocation
from kaito.errors import ExitCode

_SHELLS = ("bash", "zsh", "fish")

_SUMMARY = (
    "Print the script that makes a shell complete commands, flags and their values, such as the workspaces of the "
    "cluster. 'kubectl kaito' is completed by kubectl's own script and needs no further setup."
)

_EXAMPLES = """
    # bash, in ~/.bashrc
    source <(kaito completion bash)

    # zsh, in ~/.zshrc after compinit; or as the file _kaito in a folder of $fpath
    source <(kaito completion zsh)

    # fish, once
    kaito completion fish > ~/.config/fish/completions/kaito.fish
"""


def run(call: Invocation) -> int:
    """Run `kaito completion`; return its exit code.

    Raises:
        KaitoError: it failed; nothing has been shown yet.
    """
    given = call.parse(make_parser(call))
    if given is not None:
        script = resources.files("kaito.cli.completion").joinpath("scripts", f"kaito.{given.word}")
        call.terminal.write(script.read_text("utf-8"))
    return ExitCode.OK


def make_parser(call: Invocation) -> Parser:
    """Return the parser."""
    return Parser(call.command, _SUMMARY, _EXAMPLES, words=_SHELLS)
