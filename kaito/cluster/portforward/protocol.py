"""The port-forward protocol for one port, without I/O: WebSocket messages to payloads and errors.

Every message of `v4.channel.k8s.io` is binary and begins with the number of its channel. Channel 0 carries the bytes of
the connection in both directions, channel 1 an error message of the API server. The first message on each channel is
the port, as two bytes in little-endian order.

https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/kubelet/pkg/cri/streaming/portforward/websocket.go
"""

from __future__ import annotations

import errno

from msgspec import Struct

#: The WebSocket subprotocol.
SUBPROTOCOL = "v4.channel.k8s.io"
#: Precedes each payload that is sent.
DATA_PREFIX = b"\x00"
#: The most characters of an error message that are kept.
MAX_MESSAGE = 2000

_DATA, _ERROR = 0, 1


class PodPort(Struct, frozen=True, kw_only=True):
    """A port of a pod."""

    namespace: str
    pod: str
    #: The container's port, not the Service's.
    port: int

    def __str__(self) -> str:
        return f"{self.namespace}/{self.pod}:{self.port}"


class TunnelError(ConnectionError):
    """A tunnel cannot be opened, or ended without the pod's end of stream.

    Args:
        message: what happened, in the API server's words if it sent any.
        refused: whether nothing listens on the pod's port. `errno` is then `ECONNREFUSED`, as for a TCP connection.
    """

    def __init__(self, message: str, *, refused: bool = False) -> None:
        # The second argument is `strerror`, which callers show.
        super().__init__(errno.ECONNREFUSED if refused else None, message)
        self.message = message

    def __str__(self) -> str:
        return self.message


class FrameError(TunnelError):
    """The API server does not follow the port-forward protocol."""


class FrameDecoder:
    """Decodes the messages of one tunnel, in order."""

    def __init__(self, port: int) -> None:
        self._port = port.to_bytes(2, "little")
        self._opened = [False, False]

    @property
    def ready(self) -> bool:
        """Whether both channels are open: the tunnel has reached the node."""
        return all(self._opened)

    def decode(self, message: bytes) -> memoryview:
        """Return the bytes of the connection that a message contains; empty if it contains none.

        Raises:
            FrameError: the message violates the protocol.
            TunnelError: it is an error message of the API server.
        """
        channel = message[0] if message else -1
        if channel not in (_DATA, _ERROR):
            raise FrameError(f"The API server sent a message on an unknown channel ({message[:8]!r})")
        payload = memoryview(message)[1:]
        if not self._opened[channel]:
            if payload != self._port:
                raise FrameError(f"The API server's first message on a channel is not the port ({message[:8]!r})")
            self._opened[channel] = True
            return payload[:0]
        if channel == _ERROR and payload:
            text = bytes(payload[: 4 * MAX_MESSAGE]).decode(errors="replace")[:MAX_MESSAGE].strip()
            raise TunnelError(text, refused="connection refused" in text.lower())
        return payload
