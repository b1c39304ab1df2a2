"""Images: their type and size by the first bytes, their `data:` URL, and the text that stands for them."""

import struct

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kaito.types import Image, Message, ToolCall
from tests.images import png


def jpeg(width, height, marker=0xC0):
    exif = b"\xff\xe1" + struct.pack(">H", 2 + 300) + b"\xff" * 300
    tables = b"\xff\xc4" + struct.pack(">H", 4) + b"\x00\x00"
    frame = b"\xff\xff" + bytes([marker]) + struct.pack(">HBHH", 17, 8, height, width)
    return b"\xff\xd8" + exif + tables + b"\xff\xd0" + frame + b"\x03"


GIF = b"GIF89a" + struct.pack("<HH", 320, 200)
EXTENDED = b"RIFF____WEBPVP8X\x0a\0\0\0\0\0\0\0" + (1023).to_bytes(3, "little") + (767).to_bytes(3, "little")
LOSSLESS = b"RIFF____WEBPVP8L____\x2f" + (99 | 49 << 14).to_bytes(4, "little")
LOSSY = b"RIFF____WEBPVP8 _______\x9d\x01\x2a" + struct.pack("<HH", 640 | 1 << 14, 480)


@pytest.mark.parametrize(
    ("data", "media_type", "size"),
    [
        (png(640, 480), "image/png", (640, 480)),
        (jpeg(1920, 1080), "image/jpeg", (1920, 1080)),
        (jpeg(7, 9, marker=0xC2), "image/jpeg", (7, 9)),
        (GIF, "image/gif", (320, 200)),
        (EXTENDED, "image/webp", (1024, 768)),
        (LOSSLESS, "image/webp", (100, 50)),
        (LOSSY, "image/webp", (640, 480)),
        (png(640, 480)[:20], "image/png", (None, None)),
        (png(0, 480), "image/png", (None, None)),
        (jpeg(1, 1)[:40], "image/jpeg", (None, None)),
        (GIF[:7], "image/gif", (None, None)),
        (LOSSY[:27], "image/webp", (None, None)),
        (b"RIFF____WEBPXXXX", "image/webp", (None, None)),
    ],
)
def test_the_type_and_the_size_are_those_of_the_first_bytes(data, media_type, size):
    image = Image.read(data, "x")
    assert (image.type, (image.width, image.height)) == (media_type, size)
    assert Image.from_url(image.url, "x") == image


@pytest.mark.parametrize("data", [b"", b"<svg>", b"BM", b"%PDF-1.7", b"RIFF____WAVE", "text".encode("utf-16")])
def test_anything_else_is_not_an_image(data):
    with pytest.raises(ValueError, match="it is not a PNG, JPEG, GIF or WebP image"):
        Image.read(data)


@pytest.mark.parametrize(
    "url", ["", "http://x/cat.png", "data:image/png,x", "data:image/png;base64,%%%", "data:;base64"]
)
def test_another_url_is_refused(url):
    with pytest.raises(ValueError, match=r"\w"):
        Image.from_url(url)


@given(st.sampled_from([png(1, 1), jpeg(1, 1), GIF, EXTENDED, LOSSLESS, LOSSY]), st.integers(0, 400), st.binary())
@example(b"\xff\xd8\xff", 3, b"\xe1\0\0\xff\xe1\0\0")
def test_a_hostile_header_is_an_image_without_a_size_at_worst(data, cut, rest):
    try:
        image = Image.read(data[:cut] + rest, "x")
    except ValueError:
        return
    assert (image.width is None) == (image.height is None)
    assert "\n" not in image.shown


def test_the_text_of_an_image():
    assert Image.read(png(640, 480), "cat.png").shown == "[image: cat.png, 640x480]"
    assert Image.read(png(640, 480)[:9], "a\nb").shown == "[image: a b]"
    assert Image.read(GIF).shown == "[image: gif, 320x200]"
    assert repr(Image.read(png(640, 480) * 99, "cat.png")) == "<Image [image: cat.png, 640x480]>"


def test_the_text_of_a_message():
    assert Message("user", "x\n").shown == "x\n"
    image = Image.read(png(1, 2), "cat.png")
    assert Message("user", "What is it?", images=(image,)).shown == "[image: cat.png, 1x2]\nWhat is it?"
    call = ToolCall(id="1", name="add", arguments='{\n  "a": "x  y"\n}')
    assert call.shown == '[tool call] add({ "a": "x  y" })'
    assert Message("assistant", "", tool_calls=(call, call.replace(name="b", arguments=""))).shown == (
        f"{call.shown}\n[tool call] b()"
    )


def test_a_message_of_text_is_encoded_as_its_role_and_its_content():
    message = Message("user", "Hi")
    assert msgspec.json.encode(message) == b'{"role":"user","content":"Hi"}'
    whole = message.replace(images=(Image.read(GIF),), tool_calls=(ToolCall(id="1", name="x"),), tool_call_id="1")
    assert msgspec.json.decode(msgspec.json.encode(whole), type=Message) == whole
