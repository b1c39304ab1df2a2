"""Reading from the network: in pieces for which memory is at hand, and of a refusal no more than anybody looks at.

asyncio asks for 256 KiB at each read, whatever comes. That is more than glibc's malloc keeps ready: a read of one token
then takes a mapping, a page fault and an unmapping, which can cost more than the read itself. The number cannot be set,
but a socket may give less than it is asked for. See https://github.com/python/cpython/issues/85451.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import aiohttp

#: Bytes. What glibc takes from memory that it has is less than 128 KiB.
_AT_ONCE = 64 * 1024


class SmallReads(socket.socket):
    """A socket that gives at most 64 KiB at once, as any socket may."""

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """Return what has come, or the beginning of it."""
        return super().recv(min(bufsize, _AT_ONCE), flags)


async def beginning(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """Return a body, most often read to its end, so that its connection serves again.

    Args:
        response: its head has come.
        limit: bytes after which no more is read.
    """
    said = bytearray()
    while len(said) < limit and (data := await response.content.readany()):
        said += data
    return bytes(said)
