"""Commands for the clipboard: `/copy`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from kaito import hookimpl
from kaito.errors import UsageError
from kaito.toolkit import code_blocks
from kaito.types import SlashCommand

if TYPE_CHECKING:
    from kaito import ShellContext


def copy(arguments: str, shell: ShellContext) -> None:
    """Copy the last answer, or its code, to the clipboard

    '/copy' copies the whole answer, '/copy code' its last code block, '/copy code 1' the first. The terminal must allow
    it (OSC 52): most do, also over SSH; in tmux, 'set -g allow-passthrough on' or 'set-clipboard on' may be needed.
    """
    answers = [message.content for message in shell.conversation if message.role == "assistant"]
    if not answers:
        raise UsageError("There is no answer to copy")
    word, _, number = arguments.partition(" ")
    if not arguments:
        shell.copy(answers[-1])
        shell.notice("The answer was sent to the clipboard")
        return
    number = number.strip()
    if word != "code" or not re.fullmatch("[0-9]{0,9}", number):
        raise UsageError(f"/copy: '{arguments}' is not 'code' or 'code NUMBER'")
    blocks = code_blocks(answers[-1])
    place = int(number or len(blocks))
    if not 1 <= place <= len(blocks):
        many = f"{len(blocks)} code block{'s' * (len(blocks) != 1)}" if blocks else "no code"
        raise UsageError(f"The last answer has {many}")
    shell.copy(blocks[place - 1])
    which = "The code" if len(blocks) == 1 else f"Code block {place} of {len(blocks)}"
    shell.notice(f"{which} was sent to the clipboard")


@hookimpl
def kaito_slash_commands() -> Iterable[SlashCommand]:
    """Return the commands."""
    return [
        SlashCommand(
            name="copy",
            run=copy,
            arguments="[code [N]]",
            touches_files=True,
            complete=lambda typed, shell: ["code"],
        )
    ]
