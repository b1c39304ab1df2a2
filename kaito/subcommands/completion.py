"""`kaito completion`: prints the completion script of a shell."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import resources

from kaito import hookimpl
from kaito.cli.command_context import CommandContext
from kaito.plugin.built_in import SUBCOMMANDS
from kaito.types import Command, OptionGroup

_SHELLS = ("bash", "zsh", "fish")

_DESCRIPTION = (
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


def _run(context: CommandContext) -> None:
    script = resources.files("kaito.cli.completion").joinpath("scripts", f"kaito.{context.option('shell')}")
    context.write(script.read_text("utf-8"))


def _add_options(options: OptionGroup) -> None:
    options.add_argument("SHELL", help="The shell: bash, zsh or fish", choices=_SHELLS)


@hookimpl
def kaito_commands() -> Iterable[Command]:
    """Return `completion`."""
    return [
        Command(
            name="completion",
            summary=SUBCOMMANDS["completion"],
            description=_DESCRIPTION,
            examples=_EXAMPLES,
            options=_add_options,
            run=_run,
        )
    ]
