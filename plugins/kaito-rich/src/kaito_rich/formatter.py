"""The formatter `markdown`: renders answers on a terminal; in a pipe it writes what `plain` writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kaito.formatters.plain import Plain
from kaito.hookspecs import Formatter
from kaito.settings import Settings
from kaito.types import ChatRequest, Delta, Reply, Screen

if TYPE_CHECKING:
    from kaito_rich.drawing import Drawing

#: The maximum indentation before the first word, in columns; more makes no difference.
_INDENTATION = 80


class Markdown(Formatter):
    """Renders Markdown as it arrives. It never redraws what was written, and never moves the cursor."""

    name = "markdown"

    def __init__(self, screen: Screen, settings: Settings) -> None:
        self._screen = screen
        self._plain = Plain(screen, settings)
        self._drawing: Drawing | None = None
        self._blank = ""
        self._opening = ""

    def begin_answer(self, request: ChatRequest) -> str:
        """Forget the answer before."""
        self._drawing = None
        self._blank = self._opening = ""
        return self._plain.begin_answer(request)

    def feed(self, delta: Delta) -> str:
        """Return the text that is final; `plain` formats the reasoning."""
        if not self._screen.terminal:
            return self._plain.feed(delta)
        if self._drawing is not None:
            return self._opened(self._drawing.feed(delta.content)) if delta.content else ""
        reasoning = self._plain.feed(Delta(reasoning=delta.reasoning)) if delta.reasoning else ""
        text = self._blank + delta.content
        visible = text.lstrip()
        indentation = text[: len(text) - len(visible)].rpartition("\n")[2][:_INDENTATION]
        if not visible:
            self._blank = indentation
            return reasoning
        return reasoning + self._begin(visible, indentation)

    def finish(self, reply: Reply) -> str:
        """Return the pending text and the newline after the answer; `plain` formats the calls of tools."""
        if self._drawing is None:
            return self._plain.finish(reply)
        # `plain` has written the beginning of the answer, and ends it here.
        return self._opened(self._drawing.close() + self._plain.finish(reply))

    def _begin(self, visible: str, indentation: str) -> str:
        # `plain` writes the beginning of an answer with its first character.
        self._opening = self._plain.feed(Delta(content="."))[:-1]
        # rich takes long to import, and is not needed before there is text.
        from kaito_rich.drawing import Drawing

        self._drawing = Drawing(self._screen, after=self._opening)
        # The indentation of the first line decides about the next lines.
        if indentation.strip(" \t"):
            indentation = ""
        return self._opened(self._drawing.feed(indentation + visible))

    def _opened(self, text: str) -> str:
        if text and self._opening:
            text, self._opening = self._opening + text, ""
        return text
