"""Highlights code line by line, without waiting for later lines."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Error, Generic, Keyword, Name, Number, Operator, String
from pygments.util import ClassNotFound
from rich.style import Style
from rich.syntax import ANSISyntaxTheme, SyntaxTheme

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pygments.token import _TokenType

#: The maximum length of a line's context. A comment or string with more context loses its colour.
LONGEST_CONTEXT = 500

#: Of the terminal's own colours, those that are legible on dark and on light backgrounds: yellow and the bright ones
#: are not on light ones, blue is not on dark ones. Bold magenta is what the user types, and red is an error.
_STYLES = {
    Comment: "dim",
    Comment.Preproc: "cyan",
    Keyword: "magenta",
    Keyword.Constant: "cyan",
    Keyword.Type: "cyan",
    Operator.Word: "magenta",
    Name.Attribute: "cyan",
    Name.Builtin: "cyan",
    Name.Class: "bold",
    Name.Constant: "cyan",
    Name.Decorator: "cyan",
    Name.Exception: "cyan",
    Name.Function: "bold",
    Name.Tag: "magenta",
    Name.Variable: "cyan",
    String: "green",
    Number: "cyan",
    Generic.Deleted: "red",
    Generic.Heading: "bold",
    Generic.Inserted: "green",
    Generic.Prompt: "bold",
    Generic.Subheading: "bold",
}

# Closes an open comment, as some lexers recognise a comment only with its end. It has no effect on other code.
_ENDS = "\n*/-->"


class _Lexer(Protocol):
    def get_tokens(self, text: str) -> Iterable[tuple[_TokenType, str]]: ...


class Highlighter:
    """Highlights the lines of one code block.

    Each line is highlighted alone, or together with the line in which its multi-line string or comment began.

    Args:
        language: its name, as models write it. Code in an unknown language is not coloured.
    """

    def __init__(self, language: str) -> None:
        self._lexer = _lexer(language.lower()) if language else None
        self._theme = _theme()
        self._context = ""

    def line(self, text: str) -> list[tuple[str, Style | None]]:
        """Return the texts of the next line and their styles."""
        if self._lexer is None or not text.strip():
            return [(text, None)]
        start = len(self._context)
        end = start + len(text)
        position = 0
        pieces: list[tuple[str, Style | None]] = []
        inside_only, still_open = True, False
        for token, value in self._lexer.get_tokens(self._context + text + _ENDS):
            begin, position = position, position + len(value)
            kinds = token.split()
            quoted = Comment in kinds or String in kinds
            if begin <= end < position:
                still_open = quoted and Comment.Single not in kinds
            if (part := value[max(start - begin, 0) : max(end - begin, 0)]) and position > start:
                pieces.append((part, self._style(token, part)))
                inside_only = inside_only and (quoted or not part.strip())
            if position > end:
                break
        if "".join(part for part, _ in pieces) != text:  # the lexer changed the text
            self._context = ""
            return [(text, None)]
        self._remember(text, still_open=still_open, inside_only=inside_only)
        return pieces

    def _style(self, token: _TokenType, text: str) -> Style | None:
        # An error token may be correct code: the lexer does not see the other lines.
        return None if token is Error or text.isspace() else self._theme.get_style_for_token(token)

    def _remember(self, text: str, *, still_open: bool, inside_only: bool) -> None:
        if not still_open:
            self._context = ""
        elif not self._context or not inside_only:
            self._context += text + "\n"
            if len(self._context) > LONGEST_CONTEXT:
                self._context = ""


@lru_cache(maxsize=64)
def _lexer(language: str) -> _Lexer | None:
    try:
        lexer: _Lexer = get_lexer_by_name(language, stripnl=False)
    except ClassNotFound:
        return None
    return lexer


@lru_cache(maxsize=1)
def _theme() -> SyntaxTheme:
    return ANSISyntaxTheme({kind: Style.parse(style) for kind, style in _STYLES.items()})
