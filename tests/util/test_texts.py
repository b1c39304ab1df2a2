"""Text in UTF-8 and in the encoding of a byte order mark."""

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.util.texts import decode_text

MARKS = {
    "utf-8": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}


@pytest.mark.parametrize("encoding", MARKS)
@given(text=st.text().filter(lambda text: not text.startswith("\0")))
def test_a_mark_names_the_encoding(encoding, text):
    decoded = decode_text(MARKS[encoding] + text.encode(encoding))
    assert (decoded.text, decoded.replaced, decoded.problem) == (text, 0, "")


@pytest.mark.parametrize(
    ("data", "text", "replaced", "problem"),
    [
        (b"", "", 0, ""),
        (b"caf\xc3", "caf\ufffd", 1, "byte 4 is not UTF-8 (0xc3)"),
        (b"a\xffb\xfe\xef\xbf\xbdc", "a\ufffdb\ufffd\ufffdc", 2, "byte 2 is not UTF-8 (0xff)"),
        (b"\xef\xbb\xbfa\xff", "a\ufffd", 1, "byte 5 is not UTF-8 (0xff)"),
        (b"\xff\xfea\0\x00\xd8", "a\ufffd", 1, "byte 5 is not UTF-16 (0x00)"),
        (b"\xff\xfea\0b", "a\ufffd", 1, "byte 5 is not UTF-16 (0x62)"),
    ],
)
def test_what_cannot_be_decoded_is_replaced(data, text, replaced, problem):
    decoded = decode_text(data)
    assert (decoded.text, decoded.replaced, decoded.problem) == (text, replaced, problem)


@given(st.binary())
def test_any_bytes_are_text(data):
    decoded = decode_text(data)
    assert (decoded.replaced > 0) == (decoded.problem != "")
