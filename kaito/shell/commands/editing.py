"""The command that opens an editor: `/edit`."""

from __future__ import annotations

from collections.abc import Iterable

from kaito import hookimpl
from kaito.types import ShellContext, SlashCommand


def edit(arguments: str, shell: ShellContext) -> None:
    """Write a message in your editor: VISUAL, EDITOR, or vi

    It opens on TEXT, else on the last message. What you save is sent as one message. Nothing is sent when you save
    nothing or an empty file, or when the editor fails, as vi does by ':cq'.
    """
    text = shell.edit(arguments or shell.last_message or "")
    if text.strip():
        shell.ask(text)
    else:
        shell.notice("Nothing to send: no text was saved")


@hookimpl
def kaito_slash_commands() -> Iterable[SlashCommand]:
    """Offer it."""
    return [SlashCommand(name="edit", run=edit, arguments="[TEXT]", touches_files=True)]
