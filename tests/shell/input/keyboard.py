"""A terminal in memory."""

import io


class Keyboard(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self):
        return True
