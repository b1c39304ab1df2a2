"""What waits to be written, and when its owner should pause."""

from __future__ import annotations

from collections import deque

#: Bytes at which a protocol is asked to pause, as in asyncio's own transports.
HIGH_WATER = 64 * 1024


class WriteBuffer:
    """A queue of bytes with a high and a low mark."""

    def __init__(self) -> None:
        self._chunks: deque[memoryview] = deque()
        self.size = 0
        self.low = self.high = 0
        self.set_limits()

    def set_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set the marks in bytes; one that is not given follows from the other.

        Raises:
            ValueError: they are not `high >= low >= 0`.
        """
        if high is None:
            high = HIGH_WATER if low is None else 4 * low
        if low is None:
            low = high // 4
        if not high >= low >= 0:
            raise ValueError(f"high ({high!r}) must be >= low ({low!r}) must be >= 0")
        self.high, self.low = high, low

    def push(self, data: bytes | bytearray | memoryview) -> None:
        """Add bytes. What could be changed later by its owner is copied."""
        chunk = bytes(data)  # no copy where it is bytes
        if chunk:
            self._chunks.append(memoryview(chunk))
            self.size += len(chunk)

    def pop(self, limit: int, prefix: bytes = b"") -> bytes:
        """Take at most `limit` bytes, with `prefix` before them: all in one copy."""
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
        """Forget everything."""
        self._chunks.clear()
        self.size = 0
