"""The listening socket of the local port. It keeps listening when no file descriptor is left for a connection."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from types import TracebackType
from typing import Self

from kaito.errors import KaitoError, UsageError
from kaito.types import Reporter

#: Connections that may wait to be accepted.
_BACKLOG = 512
#: Seconds until the next attempt to accept a connection.
_PAUSE = 0.5
#: Errors that last for a while: too many open files in this process or the system, or too little memory.
_SHORTAGES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Listener:
    """A listening socket, to be used as a context manager.

    asyncio's own servers write a traceback for each connection that cannot be accepted, several hundred at once.

    Args:
        address: an IP address.
        port: 0 for any free one.

    Raises:
        UsageError: the port cannot be opened.
    """

    def __init__(self, address: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            self._socket = socket.create_server((address, port), family=family, backlog=_BACKLOG)
        except OSError as exc:
            raise _listen_error(exc, address, port) from None
        self._socket.setblocking(False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    @property
    def url(self) -> str:
        """The base URL."""
        host, port = self._socket.getsockname()[:2]
        return f"http://{f'[{host}]' if ':' in host else host}:{port}"

    async def accept(self, protocol: Callable[[], asyncio.Protocol], reporter: Reporter) -> None:
        """Accept connections until this is cancelled. The reporter receives one notice when none can be accepted."""
        loop = asyncio.get_running_loop()
        said = False
        while True:
            try:
                connection, _ = await loop.sock_accept(self._socket)
            except OSError as exc:
                if exc.errno in _SHORTAGES and not said:
                    said = True
                    hint = "; 'ulimit -n' sets the limit" if exc.errno == errno.EMFILE else ""
                    reporter.notice(f"New connections must wait: {os.strerror(exc.errno)}{hint}")
                # A client that has closed its connection already must not delay the others.
                await asyncio.sleep(0 if isinstance(exc, ConnectionError) else _PAUSE)
                continue
            try:
                await loop.connect_accepted_socket(protocol, connection)
            except OSError:
                connection.close()


def _listen_error(exc: OSError, address: str, port: int) -> KaitoError:
    if exc.errno == errno.EADDRINUSE:
        return UsageError(f"--port: {port} is in use on {address}", "Use another port, or 0 for any free one")
    if exc.errno in (errno.EACCES, errno.EPERM):
        return UsageError(f"--port: {port} requires more privileges", "Use a port from 1024 up")
    reason = os.strerror(exc.errno) if exc.errno is not None else exc
    return UsageError(f"--address: cannot listen on {address}: {reason}")
