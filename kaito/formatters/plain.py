"""Formatter `plain`: `Assistant: `, then the model's words as they arrive."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from kaito import hookimpl
from kaito.types import Delta, Reply, Screen

if TYPE_CHECKING:
    from kaito.hookspecs import Formatter

_PROMPT = "Assistant: "
_DIM, _NORMAL = "\x1b[2m", "\x1b[22m"


class Edges:
    """Drops an answer's leading blank space, and its trailing newlines by holding them until more text comes."""

    def __init__(self) -> None:
        #: Whether anything visible has come.
        self.begun = False
        self._held = ""

    def feed(self, text: str) -> str:
        """Return what of the next piece can be shown now."""
        if not self.begun:
            text = text.lstrip()
            if not text:
                return ""
            self.begun = True
        elif self._held:
            text = self._held + text
        body = text.rstrip("\n")
        self._held = text[len(body) :]
        return body


class Plain:
    """Plain text: what people and scripts read."""

    name = "plain"
    raw = False

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._answer = Edges()
        self._thought = Edges()

    def feed(self, delta: Delta) -> str:
        """Return the piece's text; a thought is shown to people only, dim and above the answer."""
        text = ""
        if delta.reasoning and self._screen.terminal:
            text = self._think(delta.reasoning)
        if delta.content:
            begun = self._answer.begun
            content = self._answer.feed(delta.content)
            if content and not begun:
                content = self._end_of_thought() + _PROMPT + content
            text += content
        return text

    def finish(self, reply: Reply) -> str:
        """Return the newline that ends what was shown; an answer without a visible character gets its line, too."""
        if self._answer.begun:
            return "\n"
        if reply.finish_reason is not None:
            return self._end_of_thought() + _PROMPT + "\n"
        return self._end_of_thought()

    def _think(self, reasoning: str) -> str:
        if self._answer.begun:
            return ""
        begun = self._thought.begun
        text = self._thought.feed(reasoning)
        if text and not begun:
            text = "Thinking: " + text
        return f"{_DIM}{text}{_NORMAL}" if text and self._screen.colour else text

    def _end_of_thought(self) -> str:
        return "\n" if self._thought.begun else ""


@hookimpl
def kaito_formatters() -> Iterable[type[Formatter]]:
    """Offer `plain`."""
    return [Plain]
