"""Joins characters that a server splits over two pieces of an answer: halves of a surrogate pair, bytes of UTF-8."""

from __future__ import annotations

import codecs
import re

#: What `json` and the error handler `surrogateescape` leave of a split character.
_LONE = re.compile("[\ud800-\udfff]")
#: Lone surrogates that are not bytes kept by `surrogateescape`.
_NOT_A_BYTE = re.compile("[\ud800-\udc7f\udd00-\udfff]")


class CharacterJoiner:
    """Joins the pieces of one text. What stays incomplete becomes U+FFFD."""

    def __init__(self) -> None:
        #: The first half of a surrogate pair.
        self._half = ""
        self._bytes = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, text: str) -> str:
        """Return the next piece; an incomplete character at its end is kept for the next one."""
        if not text:
            return ""
        text = self._half + text
        self._half = ""
        if "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        if _LONE.search(text):
            # Joins pairs.
            text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
            text = _NOT_A_BYTE.sub("\ufffd", text)
        return self._bytes.decode(text.encode("utf-8", "surrogateescape"))

    def finish(self) -> str:
        """Return what stands for an incomplete character at the end."""
        half, self._half = self._half, ""
        return self._bytes.decode(b"", final=True) + ("\ufffd" if half else "")
