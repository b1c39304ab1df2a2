"""A write buffer with flow-control limits, as asyncio's own transports have."""

from __future__ import annotations

from collections import deque

#: The size in bytes at which the protocol is told to pause, as in asyncio.
HIGH_WATER = 64 * 1024


class WriteBuffer:
    """A queue of bytes with a high and a low limit."""

    def __init__(self) -> None:
        self._chunks: deque[memoryview] = deque()
        self.size = 0
        self.low = self.high = 0
        self.set_limits()

    def set_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set the limits in bytes. A limit that is not given is derived from the other one, as in asyncio."""
        if high is None:
            high = HIGH_WATER if low is None else 4 * low
        if low is None:
            low = high // 4
        if not high >= low >= 0:
            raise ValueError(f"high ({high!r}) must be >= low ({low!r}) must be >= 0")
        self.high, self.low = high, low

    def push(self, data: bytes | bytearray | memoryview) -> None:
        """Append bytes. Mutable data is copied."""
        chunk = bytes(data)  # does not copy bytes
        if chunk:
            self._chunks.append(memoryview(chunk))
            self.size += len(chunk)

    def pop(self, limit: int, prefix: bytes = b"") -> bytes:
        """Remove at most `limit` bytes and return them after `prefix`, copied once."""
        parts: list[bytes | memoryview] = [prefix]
        room = limit
        while self._chunks and room:
            chunk = self._chunks.popleft()
            if len(chunk) > room:
                self._chunks.appendleft(chunk[room:])
                chunk = chunk[:room]
            parts.append(chunk)
            room -= len(chunk)
        self.size -= limit - room
        return b"".join(parts)

    def clear(self) -> None:
        self._chunks.clear()
        self.size = 0
