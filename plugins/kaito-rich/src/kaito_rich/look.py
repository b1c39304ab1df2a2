"""How things look: styles where there is colour, signs for bullets and borders in the letters that the screen has."""

from __future__ import annotations

from rich.color import ColorSystem
from rich.style import Style

from kaito.types import Screen
from kaito_rich.inline import BOLD, CODE, ITALIC, LINK, STRIKE, URL, Span

#: What is drawn besides the model's words.
FRAME = 1 << 6
#: Headings of level 1, 2 and so on.
HEADINGS = tuple(1 << bit for bit in range(7, 13))
#: Of the terminal's own sixteen colours, so that they suit its background.
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


class Signs:
    """The signs for what is drawn, each one column wide."""

    def __init__(self, *, unicode: bool) -> None:
        self.bullets = "•◦▪" if unicode else "*-+"
        self.task = {False: "☐" if unicode else "[ ]", True: "☑" if unicode else "[x]"}
        self.quote = "│" if unicode else "|"
        self.rule = "─" if unicode else "-"
        self.double_rule = "═" if unicode else "="
        self.code_begin, self.code_end = ("╭─", "╰─") if unicode else ("+-", "+-")


class Look:
    """Turns marks into styles, and styles into what a terminal understands.

    Args:
        screen: what it can show.
    """

    def __init__(self, screen: Screen) -> None:
        self.colour = screen.colour
        self.unicode = screen.unicode
        self.signs = Signs(unicode=screen.unicode)
        self.color_system = ColorSystem.STANDARD if screen.colour else None
        self._styles: dict[int, Style | None] = {0: None}

    def style(self, marks: int) -> Style | None:
        """Return the style for marks of :mod:`kaito_rich.inline` and of this module; `None` for plain text."""
        if not self.colour:
            return None
        if marks not in self._styles:
            names = " ".join(style for mark, style in _STYLES.items() if mark & marks)
            self._styles[marks] = Style.parse(names)
        return self._styles[marks]

    def spans(self, spans: list[Span], marks: int = 0) -> list[tuple[str, Style | None]]:
        """Return texts and their styles, which are those of `marks` as well."""
        return [(text, self.style(own | marks)) for text, own in spans]

    def paint(self, text: str, style: Style | None) -> str:
        """Return the text as it is written to the terminal."""
        return text if style is None else style.render(text, color_system=self.color_system)
