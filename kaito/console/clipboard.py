"""The escape sequence that puts a text on a terminal's clipboard."""

from __future__ import annotations

import base64

from kaito.errors import ShellHint, UsageError

#: The most bytes of encoded text: xterm and tmux stop reading a sequence at about a hundred thousand.
LONGEST = 74_994


def clipboard_sequence(text: str, *, in_tmux: bool = False) -> str:
    """Return the sequence: OSC 52 of https://invisible-island.net/xterm/ctlseqs/ctlseqs.html.

    The text is encoded, so that it cannot contain another sequence.

    Args:
        in_tmux: wraps it, so that tmux passes it on to the terminal that it runs in; tmux itself takes the inner one if
            `set-clipboard` is on.

    Raises:
        UsageError: the text is too long.
    """
    encoded = base64.b64encode(text.encode("utf-8", "replace")).decode()
    if len(encoded) > LONGEST:
        raise UsageError(
            "The text is too long for a terminal's clipboard",
            ShellHint("Write it to a file: /save FILE", "Redirect stdout to a file"),
        )
    sequence = f"\x1b]52;c;{encoded}\a"
    # https://github.com/tmux/tmux/wiki/FAQ: escape characters inside the wrapper are doubled.
    return sequence + f"\x1bPtmux;\x1b{sequence}\x1b\\" if in_tmux else sequence
