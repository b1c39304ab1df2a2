"""Styles and symbols: colours if the screen has them, and bullets and borders in characters that it can show."""

from __future__ import annotations

from collections.abc import Iterator

from rich.color import ColorSystem
from rich.style import Style

from kaito.types import Screen
from kaito_rich.inline import BOLD, CODE, ITALIC, LINK, STRIKE, URL, Span
from kaito_rich.links import bare_addresses, linked

#: The style of borders, rules and bars, next to those of spans.
FRAME = 1 << 6
#: The styles of headings, by level.
HEADINGS = tuple(1 << bit for bit in range(7, 13))
#: The terminal's own sixteen colours, which suit its background.
_STYLES = {
    BOLD: "bold",
    ITALIC: "italic",
    STRIKE: "strike",
    CODE: "cyan",
    LINK: "underline",
    URL: "dim",
    FRAME: "dim",
    **dict(
        zip(HEADINGS, ("bold underline", "bold", "bold italic", "bold italic", "italic", "italic"), strict=True),
    ),
}


class Symbols:
    """The characters for bullets, task boxes and borders."""

    def __init__(self, *, unicode: bool) -> None:
        self.bullets = "•◦▪" if unicode else "*-+"
        self.task = {False: "☐" if unicode else "[ ]", True: "☑" if unicode else "[x]"}
        self.quote = "│" if unicode else "|"
        self.rule = "─" if unicode else "-"
        self.double_rule = "═" if unicode else "="
        self.code_begin, self.code_end = ("╭─", "╰─") if unicode else ("+-", "+-")


class Theme:
    """Converts combinations of style bits into styles, and styles into escape sequences.

    Args:
        screen: the terminal's capabilities.
    """

    def __init__(self, screen: Screen) -> None:
        self.colour = screen.colour
        self.links = screen.links
        self.unicode = screen.unicode
        self.symbols = Symbols(unicode=screen.unicode)
        self.color_system = ColorSystem.STANDARD if screen.colour else None
        self._styles: dict[int, Style | None] = {0: None}

    def style(self, marks: int) -> Style | None:
        """Return the style for bits of :mod:`kaito_rich.inline` and of this module; `None` for plain text."""
        if not self.colour:
            return None
        if marks not in self._styles:
            names = " ".join(style for mark, style in _STYLES.items() if mark & marks)
            self._styles[marks] = Style.parse(names)
        return self._styles[marks]

    def spans(self, spans: list[Span], marks: int = 0) -> list[tuple[str, Style | None]]:
        """Return the texts and styles of spans, with the style `marks` added."""
        return [(text, self._linked(self.style(own | marks), link)) for text, own, link in spans]

    def with_addresses(self, pieces: list[tuple[str, Style | None]]) -> list[tuple[str, Style | None]]:
        """Return complete words, with links for the bare addresses in them if the terminal has links."""
        text = "".join(part for part, _ in pieces) if self.links else ""
        for start, end, address in bare_addresses(text):
            pieces = list(self._with_address(pieces, start, end, address))
        return pieces

    def _with_address(
        self, pieces: list[tuple[str, Style | None]], start: int, end: int, address: str
    ) -> Iterator[tuple[str, Style | None]]:
        for text, style in pieces:
            # Code is text to copy; a link's text opens the link, and its address is shown to be read.
            if end <= 0 or start >= len(text) or (style is not None and (style.link or style.color or style.dim)):
                yield text, style
            else:
                before, inside, after = text[: max(start, 0)], text[max(start, 0) : end], text[end:]
                opened = self._linked(Style.combine([style or Style(), Style(underline=True)]), address)
                yield from ((part, mark) for part, mark in ((before, style), (inside, opened), (after, style)) if part)
            start, end = start - len(text), end - len(text)

    def paint(self, text: str, style: Style | None) -> str:
        """Return text with the escape sequences of a style."""
        if style is None:
            return text
        if style.link is None:
            return style.render(text, color_system=self.color_system)
        # rich would give each link a random number.
        return linked(style.update_link(None).render(text, color_system=self.color_system), style.link)

    @staticmethod
    def _linked(style: Style | None, link: str) -> Style | None:
        return (style or Style()).update_link(link) if link else style
