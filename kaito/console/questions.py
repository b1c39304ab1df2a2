"""Asks the user for one line at the terminal."""

from __future__ import annotations

import sys

from kaito.console.terminal import Terminal
from kaito.errors import Suspended


def end_key() -> str:
    """Return the name of the key that ends the input."""
    return "Ctrl-Z Enter" if sys.platform == "win32" else "Ctrl-D"


def ask(terminal: Terminal, question: str) -> str | None:
    """Ask, and return the line without surrounding blanks; `None` at the end of input.

    Raises:
        Interrupted: Ctrl-C, and other signals.
    """
    if terminal.stdin is None:
        return None
    while True:
        terminal.write_interactive(question)
        try:
            with terminal.waiting_for_a_key():
                line = terminal.stdin.readline()
        except Suspended as exc:
            exc.stop()
        else:
            if not line.endswith("\n"):
                terminal.write_interactive("\n")
            return line.strip() if line else None
