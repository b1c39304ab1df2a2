"""How the server is asked to continue an answer that was cut. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kaito.errors import ShellHint, UsageError
from kaito.types import Reply

#: Statuses with which servers refuse what a request says, such as one whose last message is the assistant's.
REFUSED = (400, 422)
#: vLLM and llama.cpp's server then continue the last message, the assistant's.
CONTINUE_FINAL: Mapping[str, Any] = {"continue_final_message": True, "add_generation_prompt": False}
#: Asks for the same in a message, for servers without these fields. Not part of the history.
PLEASE_CONTINUE = "Go on exactly where you stopped, without repeating anything and without an introduction."


def separator(before: str, reply: Reply, *, asked_by_message: bool) -> str:
    """Return what to insert between an answer and its continuation, complete or not."""
    # Asked by a message, the model starts with a word and omits the blank before it.
    glued = asked_by_message and before[-1:].isalnum() and reply.content[:1].isalnum()
    return " " if glued else ""


def nothing_was_cut() -> UsageError:
    """Return the error for a conversation without an answer to continue."""
    what = "continues an answer that met the token limit or Ctrl-C"
    return UsageError("No answer was cut", ShellHint(f"/continue {what}", f"The command {what}"))
