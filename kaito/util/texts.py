"""Text in bytes: UTF-8, or the encoding of a byte order mark."""

from __future__ import annotations

import codecs

from msgspec import Struct

# UTF-32's little-endian mark begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
#: The most bytes of a mark.
LONGEST_MARK = 4


def encoding_of(start: bytes | bytearray) -> tuple[str, int]:
    """Return the encoding of a text that begins so, and the length of its byte order mark."""
    for mark, encoding in _MARKS:
        if start.startswith(mark):
            return encoding, len(mark)
    return "utf-8", 0


class DecodedText(Struct, frozen=True):
    """A text, in which what could not be decoded is replaced."""

    text: str
    #: How many replacement characters there are; 0 for a text that is unchanged.
    replaced: int
    #: What is wrong first, such as `byte 3 is not UTF-8 (0xff)`; `""` for a text that is unchanged.
    problem: str


def decode_text(data: bytes | bytearray) -> DecodedText:
    """Decode a text without its byte order mark."""
    encoding, start = encoding_of(data)
    body = data[start:] if start else data
    try:
        return DecodedText(body.decode(encoding), 0, "")
    except UnicodeDecodeError as exc:
        place = start + exc.start
        shown = f"byte {place + 1} is not {encoding[:6].rstrip('-').upper()} (0x{data[place]:02x})"
    text = body.decode(encoding, "replace")
    own = body.count("\N{REPLACEMENT CHARACTER}".encode(encoding))
    return DecodedText(text, max(1, text.count("\N{REPLACEMENT CHARACTER}") - own), shown)
