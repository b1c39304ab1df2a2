"""How a server is asked to continue an answer that was cut. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kaito.errors import ShellHint, UsageError
from kaito.types import Reply

#: Statuses of a request that a server does not accept, such as one whose last message is the assistant's.
REFUSED = (400, 422)
#: Fields with which vLLM and llama.cpp's server continue the last message, which is the assistant's.
CONTINUE_FINAL: Mapping[str, Any] = {"continue_final_message": True, "add_generation_prompt": False}
#: Asks for the same in a message, for servers without these fields. Not part of the history.
PLEASE_CONTINUE = "Go on exactly where you stopped, without repeating anything and without an introduction."


def separator(before: str, reply: Reply, *, asked_by_message: bool) -> str:
    """Return what to insert between an answer and its continuation, complete or not."""
    # A model that was asked by a message starts with a word, without the blank before it.
    glued = asked_by_message and before[-1:].isalnum() and reply.content[:1].isalnum()
    return " " if glued else ""


def nothing_was_cut() -> UsageError:
    """Return the error for a conversation without an answer to continue."""
    what = "continues an answer that met the token limit or Ctrl-C"
    return UsageError("No answer was cut", ShellHint(f"/continue {what}", f"The command {what}"))
