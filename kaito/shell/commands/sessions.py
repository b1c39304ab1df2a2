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

#: The most conversations that are shown or completed.
_SHOWN, _COMPLETED = 20, 100


def sessions(arguments: str, shell: ShellContext) -> None:
    """List past conversations, or those with these words

    The newest come first. '/resume ID' continues one; 'kaito history' lists all, and deletes and exports them.
    """
    found = shell.sessions(arguments)
    if not found:
        shell.notice(f"No conversation has '{one_line(arguments)}'" if arguments else "There is no conversation yet")
        return
    shell.write_table(*conversation_table(found[:_SHOWN], brief=True))
    if len(found) > _SHOWN:
        shell.notice(f"({len(found) - _SHOWN} more; '{program_name()} history' lists all)")


def resume(arguments: str, shell: ShellContext) -> None:
    """Continue a past conversation

    The present one stays in the history. The beginning of an ID is enough if no other begins so.
    """
    if not arguments:
        raise UsageError(
            "/resume: needs the ID of a conversation",
            ShellHint("/sessions lists them", f"'{program_name()} history' lists them"),
        )
    shell.resume(arguments)


def branch(arguments: str, shell: ShellContext) -> None:
    """Continue a copy of this conversation

    What follows is added to the copy; '/resume ID' leads back to the original.
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
        # A stranger's text must not find private conversations, show them, or send them to the present server.
        SlashCommand(name="sessions", run=sessions, arguments="[WORDS]", touches_files=True),
        SlashCommand(name="resume", run=resume, arguments="ID", touches_files=True, complete=_complete),
        SlashCommand(name="branch", run=branch, arguments="[TITLE]"),
        SlashCommand(name="title", run=title, arguments="[TEXT]"),
    ]
