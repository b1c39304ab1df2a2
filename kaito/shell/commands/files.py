"""Commands that read and write files: `/save`, `/load`, `/read`."""

from __future__ import annotations

from collections.abc import Iterable

from kaito import hookimpl
from kaito.errors import KaitoError, UsageError
from kaito.shell.input.filenames import file_names, first_name, only_name, path_of
from kaito.types import ShellContext, SlashCommand
from kaito.util.safe_files import UnreadableError, read_text

#: Bytes of a file that is read into a message.
LARGEST = 1024 * 1024

_FORCE = "--force"


def save(arguments: str, shell: ShellContext) -> None:
    """Save the conversation to a file

    It is a JSON list of messages in OpenAI's form, readable by you alone. An earlier state of the same conversation is
    replaced; any other file is left as it is. '/save --force FILE' replaces that, too.
    """
    from kaito.chat.transcripts import write_conversation

    flag, _, rest = arguments.partition(" ")
    force = flag == _FORCE
    path = only_name("/save", rest.strip() if force else arguments)
    if not shell.conversation:
        raise UsageError("There is nothing to save")
    write_conversation(path, shell.conversation, force=force)
    shell.notice(f"Saved {_messages(len(shell.conversation))} to {path}")


def load(arguments: str, shell: ShellContext) -> None:
    """Go on with a conversation from a file

    It takes the place of the present one, and its system prompt that of the present one if it has one.
    """
    from kaito.chat.transcripts import read_conversation

    path = only_name("/load", arguments)
    messages = read_conversation(path)
    system = [message for message in shell.conversation[:1] if message.role == "system"]
    if messages and messages[0].role == "system":
        system = []
    shell.replace([*system, *messages])
    shell.notice(f"Loaded {_messages(len(messages))} from {path}")


def read(arguments: str, shell: ShellContext) -> None:
    """Send a text file as a message, or before one

    With TEXT, the file goes before it, a blank line between. A name with blanks stands in quotes.
    """
    name, text = first_name(arguments)
    path = path_of("/read", name)
    try:
        material = read_text(path, LARGEST).replace("\r\n", "\n").removesuffix("\n")
    except UnreadableError as exc:
        raise KaitoError(f"Cannot read '{path}': {exc}") from None
    if not material.strip():
        raise KaitoError(f"'{path}' is empty")
    shell.ask(f"{material}\n\n{text}" if text else material)


def _saved(typed: str, shell: ShellContext) -> Iterable[str]:
    flag, blank, rest = typed.partition(" ")
    if blank and flag == _FORCE:
        return [f"{_FORCE} {name}" for name in file_names(rest, only=True)]
    return [*file_names(typed, only=True), *([_FORCE] if typed and _FORCE.startswith(typed) else [])]


def _file(typed: str, shell: ShellContext) -> Iterable[str]:
    return file_names(typed, only=True)


def _first_file(typed: str, shell: ShellContext) -> Iterable[str]:
    return file_names(typed, only=False)


def _messages(count: int) -> str:
    return f"{count} message{'s' * (count != 1)}"


@hookimpl
def kaito_slash_commands() -> Iterable[SlashCommand]:
    """Offer them."""
    return [
        SlashCommand(name="save", run=save, arguments="FILE", touches_files=True, complete=_saved),
        SlashCommand(name="load", run=load, arguments="FILE", touches_files=True, complete=_file),
        SlashCommand(name="read", run=read, arguments="FILE [TEXT]", touches_files=True, complete=_first_file),
    ]
