"""Detects terminals that support hyperlinks (OSC 8): text that opens an address without showing it."""

from __future__ import annotations

import re
from collections.abc import Mapping

_PROGRAMS = frozenset({"iTerm.app", "WezTerm", "vscode", "ghostty", "Hyper", "rio"})
_TERMS = re.compile("(xterm-)?(kitty|ghostty|foot|alacritty|contour|wezterm)(-.*)?")
#: The first version of VTE, the widget of many terminals, that shows links without a fault: 0.50.1.
_VTE = 5001


def shows_links(environ: Mapping[str, str]) -> bool:
    """Return whether the terminal certainly supports links; in others, the address would be lost.

    https://gist.github.com/egmontkob/eb114294efbcd5adb1944c9f3cb5feda; `FORCE_HYPERLINK` decides, `0` for no.
    """
    if forced := environ.get("FORCE_HYPERLINK"):
        return forced != "0"
    # tmux and screen may drop links, and the other variables may be those of the terminal around them.
    if "TMUX" in environ or "STY" in environ or environ.get("TERM") in (None, "dumb", "linux"):
        return False
    return (
        environ.get("TERM_PROGRAM") in _PROGRAMS
        or environ.get("LC_TERMINAL") == "iTerm2"
        or "WT_SESSION" in environ
        or "DOMTERM" in environ
        or _TERMS.fullmatch(environ["TERM"]) is not None
        or _number(environ.get("VTE_VERSION", "")) >= _VTE
    )


def _number(text: str) -> int:
    return int(text) if re.fullmatch("[0-9]{1,9}", text) else 0
