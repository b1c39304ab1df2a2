"""The channels of a port-forward WebSocket (`v4.channel.k8s.io`) for one port: bytes to payloads, without I/O.

Every message is binary and begins with its channel's number: 0 carries the connection's bytes, both ways, 1 the API
server's words about a failure. The first message of each channel is the port, two bytes, little-endian.
"""

from __future__ import annotations

from kaito.cluster.portforward.errors import FrameError, TunnelError

#: The WebSocket subprotocol.
SUBPROTOCOL = "v4.channel.k8s.io"
#: What stands before a payload that is sent.
DATA_PREFIX = b"\x00"
#: Characters of the API server's words that are kept.
MAX_WORDS = 2000

_DATA, _ERROR = 0, 1


class FrameDecoder:
    """Reads the messages of one tunnel, in order.

    Args:
        port: the pod's port that was asked for.
    """

    def __init__(self, port: int) -> None:
        self._port = port.to_bytes(2, "little")
        self._greeted = [False, False]

    @property
    def ready(self) -> bool:
        """Whether both channels have begun: the tunnel reaches the node."""
        return all(self._greeted)

    def decode(self, message: bytes) -> memoryview:
        """Return the connection's bytes in a message; none for a message that carries none.

        Raises:
            FrameError: the message is not one of this protocol.
            TunnelError: it holds the API server's words about a failure.
        """
        channel = message[0] if message else -1
        if channel not in (_DATA, _ERROR):
            raise FrameError(f"The API server sent a message of no known channel ({message[:8]!r})")
        payload = memoryview(message)[1:]
        if not self._greeted[channel]:
            if payload != self._port:
                raise FrameError(f"The API server's first message of a channel is not the port ({message[:8]!r})")
            self._greeted[channel] = True
            return payload[:0]
        if channel == _ERROR and payload:
            words = bytes(payload[: 4 * MAX_WORDS]).decode(errors="replace")[:MAX_WORDS].strip()
            raise TunnelError(words, refused="connection refused" in words.lower())
        return payload
