"""Commands for past conversations: `/sessions`, `/resume`, `/branch`, `/title`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from kaito import hookimpl
from kaito.errors import KaitoError, ShellHint, UsageError
from kaito.toolkit import conversation_table, one_line, program_name
from kaito.types import SlashCommand

if TYPE_CHECKING:
    from kaito import ShellContext

#: The most conversations that are listed, that are listed with an excerpt each, and that Tab offers.
_SHOWN, _SHOWN_WITH_TEXT, _COMPLETED = 20, 10, 100


def sessions(arguments: str, shell: ShellContext) -> None:
    """List past conversations, or those with these words

    The newest come first. '/resume ID' continues one; 'kaito history --all' lists all, and 'kaito history' also deletes
    and exports them.
    """
    found = shell.sessions(arguments)
    if not found:
        shell.notice(f"No conversation has '{one_line(arguments)}'" if arguments else "There is no conversation yet")
        return
    shown = found[: _SHOWN_WITH_TEXT if arguments else _SHOWN]
    excerpts = shell.excerpts(arguments, shown) if arguments else None
    shell.write_table(*conversation_table(shown, excerpts, brief=True))
    if more := len(found) - len(shown):
        # The words may have any characters, so they are not part of a command to paste.
        shell.notice(f"({more} more; '{program_name()} history --all{' WORDS' if arguments else ''}' lists all)")


def resume(arguments: str, shell: ShellContext) -> None:
    """Continue a past conversation

    The present one stays in the history. The beginning of an ID is enough if it is unique.
    """
    if not arguments:
        raise UsageError(
            "/resume: needs the ID of a conversation",
            ShellHint("/sessions lists them", f"'{program_name()} history' lists them"),
        )
    shell.resume(arguments)


def branch(arguments: str, shell: ShellContext) -> None:
    """Continue a copy of this conversation

    What follows is added to the copy; '/resume ID' returns to the original.
    """
    original = shell.id
    shell.branch(arguments)
    shell.notice(f"This is now {shell.id}, a branch of {original}: {one_line(shell.title or '')}")


def title(arguments: str, shell: ShellContext) -> None:
    """Show the conversation's title, or change it"""
    if arguments:
        shell.rename(arguments)
    elif shell.title is None:
        shell.notice("The conversation is empty; its first message will be its title")
        return
    shell.notice(f"Title: {one_line(shell.title or '')}")


def _complete(typed: str, shell: ShellContext) -> Iterable[str]:
    try:
        return [one.id for one in shell.sessions()[:_COMPLETED]]
    except KaitoError:
        return []


@hookimpl
def kaito_slash_commands() -> Iterable[SlashCommand]:
    """Return the commands."""
    return [
        # Text of a stranger must not search private conversations, show them, or send them to the current server.
        SlashCommand(name="sessions", run=sessions, arguments="[WORDS]", touches_files=True),
        SlashCommand(name="resume", run=resume, arguments="ID", touches_files=True, complete=_complete),
        SlashCommand(name="branch", run=branch, arguments="[TITLE]"),
        SlashCommand(name="title", run=title, arguments="[TEXT]"),
    ]
