"""Formatter `markdown`: what `plain` says to pipes, drawn for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kaito.formatters.plain import Plain
from kaito.types import Delta, Reply, Screen

if TYPE_CHECKING:
    from kaito_rich.draw import Drawing

#: Columns of blank space before the first word that are remembered; more make no difference.
_INDENTATION = 80


class Markdown:
    """Draws Markdown as it arrives. Nothing that was written is ever drawn again, and the cursor is never moved."""

    name = "markdown"
    raw = False

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._plain = Plain(screen)
        self._drawing: Drawing | None = None
        self._blank = ""
        self._opening = ""

    def feed(self, delta: Delta) -> str:
        """Return what the piece settles; thoughts are shown as `plain` shows them."""
        if not self._screen.terminal:
            return self._plain.feed(delta)
        if self._drawing is not None:
            return self._opened(self._drawing.feed(delta.content)) if delta.content else ""
        thought = self._plain.feed(Delta(reasoning=delta.reasoning)) if delta.reasoning else ""
        text = self._blank + delta.content
        visible = text.lstrip()
        indentation = text[: len(text) - len(visible)].rpartition("\n")[2][:_INDENTATION]
        if not visible:
            self._blank = indentation
            return thought
        return thought + self._begin(visible, indentation)

    def finish(self, reply: Reply) -> str:
        """Return what is still held, and the newline that ends the answer."""
        if self._drawing is None:
            return self._plain.finish(reply)
        return self._opened(self._drawing.close() + "\n")

    def _begin(self, visible: str, indentation: str) -> str:
        # What stands before an answer is `plain`'s to say; a letter makes it say so.
        self._opening = self._plain.feed(Delta(content="."))[:-1]
        # rich takes a while to import, and is of no use before there is something to draw.
        from kaito_rich.draw import Drawing

        self._drawing = Drawing(self._screen, after=self._opening)
        # How far the first line is set in tells what the next ones belong to.
        if indentation.strip(" \t"):
            indentation = ""
        return self._opened(self._drawing.feed(indentation + visible))

    def _opened(self, text: str) -> str:
        if text and self._opening:
            text, self._opening = self._opening + text, ""
        return text
