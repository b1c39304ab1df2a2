"""How a tunnel fails."""

from __future__ import annotations

import errno


class TunnelError(ConnectionError):
    """A tunnel cannot be dialled, or ended in another way than by the pod's end of stream.

    Args:
        words: what happened, in the API server's words where it said any.
        refused: nothing listens at the port in the pod. `errno` is then `ECONNREFUSED`, so that whoever knows nothing
            of tunnels treats it as any refused connection.
    """

    def __init__(self, words: str, *, refused: bool = False) -> None:
        # With two arguments `strerror` holds the words, which is where others look for them.
        super().__init__(errno.ECONNREFUSED if refused else None, words)
        self.words = words

    def __str__(self) -> str:
        return self.words


class FrameError(TunnelError):
    """The other side does not speak the port-forward protocol."""
