"""Images in messages. The type and the size are read from the first bytes of the file."""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable, Mapping
from typing import Literal, get_args

from msgspec import Struct

ImageType = Literal["image/png", "image/jpeg", "image/gif", "image/webp"]


class Image(Struct, frozen=True, omit_defaults=True):
    """An image that is sent with a message. Create it with :meth:`read` from the bytes of a file."""

    data: bytes
    #: The media type, found from the first bytes of the data.
    type: ImageType
    #: The file's name without its folder; `""` if unknown. It is not sent.
    name: str = ""
    #: The size in pixels; `None` when the data does not state it.
    width: int | None = None
    height: int | None = None

    def __repr__(self) -> str:
        # The data would fill a traceback.
        return f"<{type(self).__name__} {self.shown}>"

    @classmethod
    def read(cls, data: bytes, name: str = "") -> Image:
        """Return the image that a file contains.

        Raises:
            ValueError: it is not a PNG, JPEG, GIF or WebP image.
        """
        kind = _type(data)
        if kind is None:
            raise ValueError("it is not a PNG, JPEG, GIF or WebP image")
        size = _SIZES[kind](data)
        # A GIF or WebP may have zero here, which means that the size is not stated.
        width, height = size if size is not None and all(size) else (None, None)
        return cls(data, kind, name, width, height)

    @classmethod
    def from_url(cls, url: str, name: str = "") -> Image:
        """Return the image of a `data:` URL.

        Raises:
            ValueError: it is another URL, or its data is not a PNG, JPEG, GIF or WebP image in base64.
        """
        head, comma, encoded = url.partition(",")
        if not comma or not head.lower().startswith("data:") or not head.lower().endswith(";base64"):
            raise ValueError("it is not a data: URL in base64")
        return cls.read(base64.b64decode(encoded, validate=True), name)

    @property
    def url(self) -> str:
        """The `data:` URL."""
        return f"data:{self.type};base64,{base64.b64encode(self.data).decode()}"

    @property
    def shown(self) -> str:
        """One line of text that is shown in place of the image: `[image: cat.png, 640x480]`."""
        name = " ".join(self.name.split()) or self.type.partition("/")[2]
        size = "" if self.width is None or self.height is None else f", {self.width}x{self.height}"
        return f"[image: {name}{size}]"


def _type(data: bytes) -> ImageType | None:
    """Return the media type, found from the first bytes; `None` for any type that models do not accept."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return None


_Size = tuple[int, int]


def _png_size(data: bytes) -> _Size | None:
    return _unpacked(">II", data, 16) if data[12:16] == b"IHDR" else None


def _gif_size(data: bytes) -> _Size | None:
    return _unpacked("<HH", data, 6)


def _jpeg_size(data: bytes) -> _Size | None:
    """Return the size of the first frame; the segments before it are skipped by their lengths."""
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xFF:  # a fill byte
            position += 1
        elif marker == 0x01 or 0xD0 <= marker <= 0xD7:  # markers without a segment
            position += 2
        elif marker in _FRAMES:
            size = _unpacked(">HH", data, position + 5)
            return (size[1], size[0]) if size is not None else None
        else:
            position += 2 + max(int.from_bytes(data[position + 2 : position + 4]), 2)
    return None


#: The SOF markers of JPEG, which begin a frame. The three others in this range begin tables or extensions.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def _webp_size(data: bytes) -> _Size | None:
    match data[12:16]:
        case b"VP8X" if len(data) >= 30:
            return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
        case b"VP8L" if len(data) >= 25 and data[20] == 0x2F:
            bits = int.from_bytes(data[21:25], "little")
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8 " if data[23:26] == b"\x9d\x01\x2a":
            size = _unpacked("<HH", data, 26)
            return (size[0] & 0x3FFF, size[1] & 0x3FFF) if size is not None else None
    return None


def _unpacked(form: str, data: bytes, position: int) -> _Size | None:
    try:
        first, second = struct.unpack_from(form, data, position)
    except struct.error:  # the file is cut
        return None
    return first, second


_SIZES: Mapping[ImageType, Callable[[bytes], _Size | None]] = dict(
    zip(get_args(ImageType), (_png_size, _jpeg_size, _gif_size, _webp_size), strict=True)
)
