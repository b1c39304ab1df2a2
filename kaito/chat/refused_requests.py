"""Hints for requests that a server refused: the share that is too long, images, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence

from kaito.chat.continuations import REFUSED
from kaito.errors import ModelError, ShellHint, WindowError
from kaito.types import Message

#: Statuses of servers that do not accept an image: vLLM's and OpenAI's, FastAPI's, and llama.cpp's.
_NO_IMAGES = (400, 415, 422, 500, 501)
_IMAGE_HINT = "The request has an image; this model, or its server, may take text only"


def has_images(messages: Sequence[Message]) -> bool:
    """Return whether any of the messages has an image."""
    return any(message.images for message in messages)


def hint_at_images(error: ModelError, messages: Sequence[Message]) -> None:
    """Add a hint to an error if images may be its cause."""
    if error.status in _NO_IMAGES and has_images(messages):
        error.hints = (*error.hints, _IMAGE_HINT)


def add_next_steps(error: ModelError, log_command: str) -> None:
    """Add what to do next to an error that has only the server's message.

    Args:
        log_command: the command that shows the server's log; `""` when it is not known.
    """
    if error.hints or error.status is None:  # without a status, the answer had begun
        return
    if error.status in REFUSED:
        error.hints = (
            ShellHint("Change the message, or a setting ('/set' shows them)", "Change the message, or the flags"),
        )
        return
    log = f": {log_command}" if log_command else ""
    error.hints = (f"The server's log may say more{log}", ShellHint("/retry sends the message again"))


def stands_alone(messages: Sequence[Message]) -> bool:
    """Return whether a request has no turns before its message, so that none can be dropped."""
    return all(message.role != "assistant" for message in messages)


def hint_at_old_turns(error: ModelError, messages: Sequence[Message]) -> None:
    """Replace the hints to drop old turns if there are none."""
    if stands_alone(messages):
        error.hints = tuple(
            hint.elsewhere if isinstance(hint, ShellHint) and "'clear'" in hint else hint for hint in error.hints
        )


def surplus(error: WindowError, max_tokens: int | None) -> float:
    """Return the share of a refused prompt that exceeds the window, by the server's numbers; 0 without numbers."""
    prompt, window = error.prompt_tokens, error.window
    if not prompt or not window:
        return 0
    # The client leaves the same room for the answer; see `Recovery`.
    return (prompt + min(max_tokens or 1, window // 2) - window) / prompt
