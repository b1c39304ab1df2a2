"""Splits the bytes of a server-sent event stream into the data of its events.

Rules: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
"""

_BOM = b"\xef\xbb\xbf"

#: The largest event, in bytes. A chunk of an answer has a few hundred.
MAX_EVENT = 16 * 1024 * 1024


class EventTooLargeError(ValueError):
    """An event exceeds :data:`MAX_EVENT`."""


class EventDecoder:
    """Splits a byte stream into events.

    Only the data of events is kept: names, ids and comments are dropped. An event that the stream does not end with a
    blank line is discarded, as the rules require.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._first = True
        self._after_cr = False

    def feed(self, data: bytes) -> list[bytes]:
        """Add the next bytes, split anywhere; return the data of each event that they complete.

        Raises:
            EventTooLargeError: the current event is too large.
        """
        if self._after_cr and data:
            # The CR at the end of the last read has ended its line already.
            data = data.removeprefix(b"\n")
            self._after_cr = False
        if b"\r" in data:
            self._after_cr = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        buffer = self._buffer
        # A blank line may have begun with the last byte of the buffer; the rest of it was searched before.
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
        if self._first:
            self._first = False
            complete = complete.removeprefix(_BOM)
        # Nearly always all events have one line `data: …`, so that all newlines are between events. One split is
        # faster than a look at each, and one search of the joined events faster than counting newlines.
        events = complete.split(b"\n\ndata: ")
        if complete.startswith(b"data: ") and b"\n" not in b"".join(events):
            events[0] = events[0].removeprefix(b"data: ")
            return events
        return [event for block in complete.split(b"\n\n") if (event := _data(block)) is not None]


def _data(block: bytes) -> bytes | None:
    lines = []
    for line in block.split(b"\n"):
        name, _, value = line.partition(b":")
        if name == b"data":
            lines.append(value.removeprefix(b" "))
    return b"\n".join(lines) if lines else None
