"""Formatter `plain`: `Assistant: `, then the answer as it arrives."""

from __future__ import annotations

from collections.abc import Iterable

from kaito.hookspecs import Formatter, hookimpl
from kaito.settings import Settings
from kaito.types import ChatRequest, Delta, Reply, Screen

_DIM, _NORMAL = "\x1b[2m", "\x1b[22m"


class Trimmer:
    """Drops leading white space and trailing newlines. Newlines are held back until more text arrives."""

    def __init__(self) -> None:
        #: Whether anything visible has arrived.
        self.begun = False
        self._held = ""

    def feed(self, text: str) -> str:
        """Return the part of the next piece that can be shown now."""
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


class Plain(Formatter):
    """Plain text for people and scripts."""

    name = "plain"
    #: The text before an answer.
    prefix = "Assistant: "

    def __init__(self, screen: Screen, settings: Settings) -> None:
        self._screen = screen
        self._answer = Trimmer()
        self._reasoning = Trimmer()

    def begin_answer(self, request: ChatRequest) -> str:
        """Return nothing: the prefix comes with the first visible character."""
        self._answer = Trimmer()
        self._reasoning = Trimmer()
        return ""

    def feed(self, delta: Delta) -> str:
        """Return the text of the piece. Reasoning is shown only at a terminal, dim and above the answer."""
        text = ""
        if delta.reasoning and self._screen.terminal:
            text = self._reason(delta.reasoning)
        if delta.content:
            begun = self._answer.begun
            content = self._answer.feed(delta.content)
            if content and not begun:
                content = self._end_of_reasoning() + self.prefix + content
            text += content
        return text

    def finish(self, reply: Reply) -> str:
        """Return the calls of tools, one per line, and the newline that ends the answer.

        At a terminal, where an empty answer is not an error, it has a line as well.
        """
        calls = "\n".join(call.shown for call in reply.tool_calls)
        if self._answer.begun:
            return f"\n{calls}\n" if calls else "\n"
        if calls:
            return f"{self._end_of_reasoning()}{self.prefix}{calls}\n"
        if reply.finish_reason is not None and self._screen.terminal:
            return self._end_of_reasoning() + self.prefix + "\n"
        return self._end_of_reasoning()

    def _reason(self, reasoning: str) -> str:
        if self._answer.begun:
            return ""
        begun = self._reasoning.begun
        text = self._reasoning.feed(reasoning)
        if text and not begun:
            text = "Thinking: " + text
        return f"{_DIM}{text}{_NORMAL}" if text and self._screen.colour else text

    def _end_of_reasoning(self) -> str:
        return "\n" if self._reasoning.begun else ""


@hookimpl
def kaito_formatters() -> Iterable[type[Formatter]]:
    """Return `plain`."""
    return [Plain]
