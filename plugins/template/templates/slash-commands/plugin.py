"""{{ cookiecutter.description }}: the commands `/{{ cookiecutter.name }}` and `/{{ cookiecutter.name }}-size`."""

from __future__ import annotations

from collections.abc import Iterable

from kaito import ShellContext, SlashCommand, hookimpl

__version__ = "0.1.0"


def ask(text: str, shell: ShellContext) -> None:
    """Ask for an answer in one sentence."""
    shell.ask(f"{text}\n\nAnswer in one sentence.")


def size(arguments: str, shell: ShellContext) -> None:
    """Show how many words the conversation has."""
    words = sum(len(message.content.split()) for message in shell.conversation)
    shell.write(f"{words} words\n")


@hookimpl
def kaito_slash_commands() -> Iterable[SlashCommand]:
    """Return the commands."""
    return [
        SlashCommand(name="{{ cookiecutter.name }}", run=ask, arguments="TEXT"),
        SlashCommand(name="{{ cookiecutter.name }}-size", run=size),
    ]
