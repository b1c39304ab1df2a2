"""The proxy between the API server and nodes and pods: HTTP CONNECT on a unix socket, to loopback addresses only.

Run as a program: `python egress.py SOCKET ROUTES`. The API server does not proxy to loopback addresses, so pods have
addresses that no interface has. ROUTES is a JSON object from a pod's `ADDRESS:PORT` to a port of 127.0.0.1; it is read
again for each connection. Connections to loopback addresses, such as kwok's, are made. All others are refused.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import re
import socket
import socketserver
import sys
import threading
from pathlib import Path

_REQUEST = re.compile(rb"CONNECT (?P<host>\S+):(?P<port>\d+) HTTP/1\.[01]\r\n")
_CHUNK = 256 * 1024


class NoRouteError(Exception):
    """The address is not a loopback address, and has no route."""


def resolve(host: str, port: int, routes: dict[str, int]) -> tuple[str, int]:
    """Return the loopback address to connect to.

    Args:
        host: an IP address.
        port: the port at that address.
        routes: from a pod's `ADDRESS:PORT` to a port of 127.0.0.1.

    Raises:
        NoRouteError: there is none.
    """
    local = routes.get(f"{host}:{port}")
    if local is not None:
        return "127.0.0.1", local
    if not ipaddress.ip_address(host).is_loopback:
        raise NoRouteError(f"no route to {host}:{port}")
    return host, port


def _copy(source: socket.socket, sink: socket.socket) -> None:
    buffer = memoryview(bytearray(_CHUNK))
    with contextlib.suppress(OSError):
        while count := source.recv_into(buffer):
            sink.sendall(buffer[:count])
    # The other direction stays open.
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


class _Connection(socketserver.StreamRequestHandler):
    """One CONNECT request and its connection."""

    request: socket.socket
    server: Proxy
    # Unbuffered, so that no data of the connection stays in the reader.
    rbufsize = 0

    def handle(self) -> None:
        request = _REQUEST.fullmatch(self.rfile.readline(4096))
        while self.rfile.readline(4096).strip():
            pass
        if request is None:
            self._answer("400 Bad Request")
            return
        try:
            routes = json.loads(self.server.routes.read_bytes())
            address = resolve(request["host"].decode().strip("[]"), int(request["port"]), routes)
            target = socket.create_connection(address)
        except (NoRouteError, OSError, ValueError) as error:
            self._answer(f"502 {error}")
            return
        with target:
            target.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._answer("200 OK")
            back = threading.Thread(target=_copy, args=(target, self.request), daemon=True)
            back.start()
            _copy(self.request, target)
            back.join()

    def _answer(self, status: str) -> None:
        self.request.sendall(f"HTTP/1.1 {status}\r\n\r\n".encode())


class Proxy(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """The proxy.

    Args:
        path: its socket.
        routes: the file with the routes.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, path: str, routes: Path) -> None:
        self.routes = routes
        super().__init__(path, _Connection)


if __name__ == "__main__":
    Proxy(sys.argv[1], Path(sys.argv[2])).serve_forever()
