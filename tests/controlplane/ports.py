"""Ports that stay reserved while the program that listens on them is restarted."""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Iterator


class ReservedPort(contextlib.AbstractContextManager["ReservedPort"]):
    """A port of 127.0.0.1 that the system assigns to nobody else until this is closed.

    It is bound but does not listen, so connections are refused until a program listens on it. Linux allows that as both
    sockets have SO_REUSEADDR, which Go's listeners set.

    Attributes:
        number: the port.
    """

    def __init__(self) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", 0))
        self.number: int = self._socket.getsockname()[1]

    def __exit__(self, *error: object) -> None:
        self._socket.close()


@contextlib.contextmanager
def reserved_port() -> Iterator[int]:
    """Yield a port of 127.0.0.1 on which a test starts a server. On Linux, the system assigns it to nobody else."""
    with contextlib.ExitStack() as stack:
        port = stack.enter_context(ReservedPort())
        if sys.platform != "linux":
            stack.close()
        yield port.number
