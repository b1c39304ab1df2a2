"""Joins characters that a server splits between two pieces of an answer, within a surrogate pair or UTF-8 bytes."""

from __future__ import annotations

import codecs
import re

#: Parts of a split character, as `json` and the error handler `surrogateescape` decode them.
_LONE = re.compile("[\ud800-\udfff]")
#: Lone surrogates, except those that `surrogateescape` uses for bytes.
_NOT_A_BYTE = re.compile("[\ud800-\udc7f\udd00-\udfff]")


class CharacterJoiner:
    """Joins the pieces of one text. A character that stays incomplete becomes U+FFFD."""

    def __init__(self) -> None:
        #: The first half of a surrogate pair at the end of the last piece.
        self._half = ""
        self._bytes = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, text: str) -> str:
        """Return the next piece. An incomplete character at its end is held until the next one."""
        if not text:
            return ""
        text = self._half + text
        self._half = ""
        if "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        if _LONE.search(text):
            # UTF-16 joins the halves of a pair.
            text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
            text = _NOT_A_BYTE.sub("\ufffd", text)
        return self._bytes.decode(text.encode("utf-8", "surrogateescape"))

    def finish(self) -> str:
        """Return U+FFFD if an incomplete character is left at the end, else `""`."""
        half, self._half = self._half, ""
        return self._bytes.decode(b"", final=True) + ("\ufffd" if half else "")
