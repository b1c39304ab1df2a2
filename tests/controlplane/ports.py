"""Ports that stay this process' own while the program that listens on them comes and goes."""

from __future__ import annotations

import contextlib
import socket


class ReservedPort(contextlib.AbstractContextManager["ReservedPort"]):
    """A port of 127.0.0.1 that the system gives to nobody else until this is closed.

    It is bound and does not listen: connections are refused until a program listens there. Linux lets it do so, as
    both sockets are marked for reuse, and Go's listeners are.

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
