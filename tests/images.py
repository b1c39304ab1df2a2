"""Images for tests: as much of a file as is looked at."""

import struct
import zlib


def png(width, height):
    """Return the beginning of a PNG file of this size."""
    head = struct.pack(">II", width, height) + b"\x08\x02\x00\x00\x00"
    chunk = b"IHDR" + head
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
