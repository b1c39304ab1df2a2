"""Commands that read and write files or start an editor: `/save`, `/load`, `/read`, `/image`, `/edit`."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from kaito import hookimpl
from kaito.errors import KaitoError, ShellHint, UsageError
from kaito.toolkit import (
    Export,
    UnreadableError,
    export_format,
    file_names,
    first_name,
    only_name,
    path_of,
    read_text,
    shown_size,
    shown_time,
    write_export,
)
from kaito.types import SlashCommand

if TYPE_CHECKING:
    from kaito import ShellContext

#: The most bytes of a file that /read sends.
LARGEST = 1024 * 1024

_FORCE = "--force"


def save(arguments: str, shell: ShellContext) -> None:
    """Save the conversation to a file

    The file is a JSON list of messages in OpenAI's format, which /load reads; with a name that ends with .md or .html,
    it is written for people, as by /export. You alone can read it. An earlier state of the same conversation is
    replaced; any other file is not. '/save --force FILE' replaces any file.
    """
    from kaito.toolkit import write_conversation

    path, force = _forced_name("/save", arguments)
    if export_format(path) not in (None, "json"):
        _export(path, shell, force=force)
        return
    if not shell.conversation:
        raise UsageError("There is nothing to save")
    write_conversation(path, shell.conversation, force=force)
    shell.notice(f"Saved {_messages(len(shell.conversation))} to {path}")


def export(arguments: str, shell: ShellContext) -> None:
    """Write the conversation for people: Markdown or HTML

    The end of the file's name decides: .md or .html. An HTML file needs no other file, and runs no script. An earlier
    export of the same conversation is replaced; any other file is not. '/export --force FILE' replaces any file.
    """
    path, force = _forced_name("/export", arguments)
    if export_format(path) in (None, "json"):
        raise UsageError(f"/export: '{path}' does not end with .md or .html", ShellHint("/save writes JSON"))
    _export(path, shell, force=force)


def _export(path: Path, shell: ShellContext, *, force: bool) -> None:
    if not shell.conversation:
        raise UsageError("There is nothing to export")
    details = (("With", shell.server), ("Model", shell.model), ("Date", shown_time(time.time())))
    title = shell.title or "Conversation"
    write_export(path, Export(messages=shell.conversation, title=title, id=shell.id, details=details), force=force)
    shell.notice(f"Exported {_messages(len(shell.conversation))} to {path}")


def _forced_name(command: str, arguments: str) -> tuple[Path, bool]:
    """Return the file that arguments name, and whether it is replaced in any case."""
    flag, _, rest = arguments.partition(" ")
    force = flag == _FORCE
    return only_name(command, rest.strip() if force else arguments), force


def load(arguments: str, shell: ShellContext) -> None:
    """Load a conversation from a file and continue it

    It replaces the present one, and the system prompt if the file has one.
    """
    from kaito.toolkit import read_conversation

    path = only_name("/load", arguments)
    messages = read_conversation(path)
    system = [message for message in shell.conversation[:1] if message.role == "system"]
    if messages and messages[0].role == "system":
        system = []
    shell.replace([*system, *messages])
    shell.notice(f"Loaded {_messages(len(messages))} from {path}")


def read(arguments: str, shell: ShellContext) -> None:
    """Send a text file as a message, or before one

    With TEXT, the file is placed before it, with a blank line between. Quote a file name that has blanks.
    """
    name, text = first_name(arguments)
    path = path_of("/read", name)
    try:
        material = read_text(path, LARGEST).replace("\r\n", "\n").removesuffix("\n")
    except UnreadableError as exc:
        raise KaitoError(f"Cannot read '{path}': {exc}") from None
    if not material.strip():
        raise KaitoError(f"'{path}' is empty")
    lines = material.count("\n") + 1
    shown = f"sending {path}: {lines} line{'s' * (lines != 1)}, {shown_size(len(material.encode()))}"
    shell.ask(f"{material}\n\n{text}" if text else material, shown=shown)


def image(arguments: str, shell: ShellContext) -> None:
    """Send an image: PNG, JPEG, GIF or WebP

    With TEXT, both are sent as one message. Without it, the image waits for the next message, as further ones do; /undo
    and 'clear' remove those that wait. Quote a file name that has blanks. Not every model takes images.
    """
    from kaito.toolkit import read_image

    name, text = first_name(arguments)
    shell.attach(read_image(path_of("/image", name)))
    if text:
        shell.ask(text)
    else:
        waiting = " ".join(image.shown for image in shell.attached)
        shell.notice(f"{waiting} {'is' if len(shell.attached) == 1 else 'are'} sent with the next message")


def edit(arguments: str, shell: ShellContext) -> None:
    """Write a message in your editor: VISUAL, EDITOR, or vi

    The editor opens with TEXT, or with the last message. What you save is shown and sent as one message. Nothing is
    sent when you save nothing or an empty file, or when the editor fails, as vi does with ':cq'.
    """
    last = shell.last_message.content if shell.last_message is not None else ""
    text = shell.edit(arguments or last)
    if text.strip():
        shell.ask(text)
    else:
        shell.notice("Nothing was sent: no text was saved")


def _complete_save(typed: str, shell: ShellContext) -> Iterable[str]:
    flag, blank, rest = typed.partition(" ")
    if blank and flag == _FORCE:
        return [f"{_FORCE} {name}" for name in file_names(rest, only=True)]
    return [*file_names(typed, only=True), *([_FORCE] if typed and _FORCE.startswith(typed) else [])]


def _messages(count: int) -> str:
    return f"{count} message{'s' * (count != 1)}"


@hookimpl
def kaito_slash_commands() -> Iterable[SlashCommand]:
    """Return the commands."""
    return [
        SlashCommand(name="save", run=save, arguments="FILE", touches_files=True, complete=_complete_save),
        SlashCommand(name="export", run=export, arguments="FILE", touches_files=True, complete=_complete_save),
        SlashCommand(
            name="load",
            run=load,
            arguments="FILE",
            touches_files=True,
            complete=lambda typed, shell: file_names(typed, only=True),
        ),
        SlashCommand(
            name="read",
            run=read,
            arguments="FILE [TEXT]",
            touches_files=True,
            complete=lambda typed, shell: file_names(typed, only=False),
        ),
        SlashCommand(
            name="image",
            run=image,
            arguments="FILE [TEXT]",
            touches_files=True,
            complete=lambda typed, shell: file_names(typed, only=False),
        ),
        SlashCommand(name="edit", run=edit, arguments="[TEXT]", touches_files=True),
    ]
