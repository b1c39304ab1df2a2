"""Splits the bytes of a server-sent event stream into the data of its events.

Rules: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
"""

import codecs

from kaito.util import limits

#: The largest event, in bytes. A chunk of an answer has a few hundred.
MAX_EVENT = limits.STREAM_EVENT
#: Names of events that contain chunks of an answer.
_CHUNKS = (b"", b"message")


class EventTooLargeError(ValueError):
    """An event exceeds :data:`MAX_EVENT`."""


class EventDecoder:
    """Splits a byte stream into events.

    Only unnamed events and those named `message` are chunks of an answer. An event named `error` reports a failure;
    any other, such as `ping`, is skipped. Ids and comments are dropped.

    Attributes:
        error: the data of an event named `error`; no event follows.
    """

    def __init__(self) -> None:
        self.error: bytes | None = None
        self._buffer = bytearray()
        self._after_cr = False

    def feed(self, data: bytes) -> list[bytes]:
        """Add the next bytes, split anywhere; return the data of each event that they complete.

        Raises:
            EventTooLargeError: the current event is too large.
        """
        if self._after_cr and data:
            # The CR at the end of the last read has already ended its line.
            data = data.removeprefix(b"\n")
            self._after_cr = False
        if b"\r" in data:
            self._after_cr = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        buffer = self._buffer
        # A blank line may begin with the last byte of the buffer; everything before it has been searched.
        searched = max(len(buffer) - 1, 0)
        buffer += data
        end = buffer.rfind(b"\n\n", searched)
        if end < 0:
            if len(buffer) > MAX_EVENT:
                raise EventTooLargeError
            return []
        with memoryview(buffer) as view:
            complete = bytes(view[:end])
        del buffer[: end + 2]
        # Nearly always, each event is one line `data: …`, and all newlines are between events. One split is faster than
        # parsing each event, and one search of the joined events is faster than counting newlines.
        events = complete.split(b"\n\ndata: ")
        if complete.startswith(b"data: ") and b"\n" not in b"".join(events) and self.error is None:
            events[0] = events[0].removeprefix(b"data: ")
            return events
        return self._select(complete)

    def end(self) -> list[bytes]:
        """Return the data of the last event at the end of the stream: some servers omit the blank line after it."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        return self._select(rest)

    def _select(self, complete: bytes) -> list[bytes]:
        events = []
        for block in complete.split(b"\n\n"):
            if self.error is not None:
                break
            name, data = _parse(block)
            if name == b"error":
                self.error = data or b""
            elif data is not None and name in _CHUNKS:
                events.append(data)
        return events


def _parse(block: bytes) -> tuple[bytes, bytes | None]:
    """Return an event's name, empty if it has none, and its data."""
    event, lines = b"", []
    # A gateway that joins several streams may send a byte order mark before any event.
    for line in block.lstrip(b"\n").removeprefix(codecs.BOM_UTF8).split(b"\n"):
        name, _, value = line.partition(b":")
        if name == b"data":
            lines.append(value.removeprefix(b" "))
        elif name == b"event":
            event = value.removeprefix(b" ")
    return event, b"\n".join(lines) if lines else None
