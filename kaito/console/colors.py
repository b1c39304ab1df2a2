"""Decides whether a stream gets colours, and which ones are used."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Literal, TextIO

from kaito.console.streams import is_terminal
from kaito.types.tables import Hue

ColorChoice = Literal["auto", "always", "never"]


class Colors:
    """The choice of colours.

    Args:
        choice: `--color`.
        environ: the environment, for `NO_COLOR`, `FORCE_COLOR` and `TERM`.
    """

    def __init__(self, choice: ColorChoice, environ: Mapping[str, str]) -> None:
        self._choice = choice
        self._environ = environ

    def enabled(self, stream: TextIO | None) -> bool:
        """Return whether a stream gets colours: by `--color`, `NO_COLOR`, `FORCE_COLOR`, then by what it is."""
        if self._choice != "auto":
            return self._choice == "always"
        if self._environ.get("NO_COLOR"):
            return False
        if self._environ.get("FORCE_COLOR"):
            return True
        return is_terminal(stream) and self._environ.get("TERM") != "dumb" and _console_ready()

    def red(self, text: str, stream: TextIO | None) -> str:
        """Return a text for a stream, in red if the stream gets colours."""
        if not self.enabled(stream):
            return text
        from colorama import Fore, Style

        return f"{Fore.RED}{text}{Style.RESET_ALL}"

    def dim(self, text: str, stream: TextIO | None) -> str:
        """Return a text for a stream, dimmed if the stream gets colours."""
        if not self.enabled(stream):
            return text
        from colorama import Style

        return f"{Style.DIM}{text}{Style.RESET_ALL}"

    def hue(self, text: str, hue: Hue, stream: TextIO | None) -> str:
        """Return a text for a stream, in the colour of a meaning if the stream gets colours."""
        if not hue or not text or not self.enabled(stream):
            return text
        from colorama import Fore, Style

        color = {"good": Fore.GREEN, "bad": Fore.RED, "unsure": Fore.YELLOW}[hue]
        return f"{color}{text}{Style.RESET_ALL}"

    def typed(self, stream: TextIO | None) -> tuple[str, str]:
        """Return the sequences before and after what the user types; empty where a stream gets no colours.

        Of the sixteen colours, bold magenta is legible on dark and on light backgrounds, and nothing else has it.
        """
        if not self.enabled(stream):
            return "", ""
        from colorama import Fore, Style

        return f"{Style.BRIGHT}{Fore.MAGENTA}", Style.RESET_ALL


def _console_ready() -> bool:
    """Make an old Windows console understand colours; elsewhere do nothing."""
    if sys.platform == "win32":
        from colorama import just_fix_windows_console

        just_fix_windows_console()
    return True
