"""The API server's way to nodes and pods: an HTTP CONNECT proxy on a unix socket that never leaves the machine.

Run as a program: `python egress.py SOCKET MAP`. The API server does not proxy to loopback addresses, so pods have others,
which no interface has. MAP is a JSON object from `ADDRESS:PORT` of a pod to a port of 127.0.0.1; it is read again for
each connection. Loopback addresses, such as kwok's, are dialled as they are. All others are refused.
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


class Refused(Exception):
    """No way leads there."""


def resolve(host: str, port: int, ways: dict[str, int]) -> tuple[str, int]:
    """Return the loopback address to dial.

    Args:
        host: an IP address.
        port: the port at that address.
        ways: from a pod's `ADDRESS:PORT` to a port of 127.0.0.1.

    Raises:
        Refused: there is none.
    """
    local = ways.get(f"{host}:{port}")
    if local is not None:
        return "127.0.0.1", local
    if not ipaddress.ip_address(host).is_loopback:
        raise Refused(f"no way to {host}:{port}")
    return host, port


def _copy(source: socket.socket, sink: socket.socket) -> None:
    buffer = memoryview(bytearray(_CHUNK))
    with contextlib.suppress(OSError):
        while count := source.recv_into(buffer):
            sink.sendall(buffer[:count])
    # The other direction stays open: what one side has finished saying is all that is known.
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


class _Connection(socketserver.StreamRequestHandler):
    """One CONNECT and what goes through it."""

    request: socket.socket
    server: Proxy
    # A client waits for the answer before it sends more: nothing of the stream can be left in the reader.
    rbufsize = 0

    def handle(self) -> None:
        request = _REQUEST.fullmatch(self.rfile.readline(4096))
        while self.rfile.readline(4096).strip():
            pass
        if request is None:
            self._answer("400 Bad Request")
            return
        try:
            ways = json.loads(self.server.ways.read_bytes())
            address = resolve(request["host"].decode().strip("[]"), int(request["port"]), ways)
            target = socket.create_connection(address)
        except (Refused, OSError, ValueError) as error:
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
        ways: the file with the map.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, path: str, ways: Path) -> None:
        self.ways = ways
        super().__init__(path, _Connection)


if __name__ == "__main__":
    Proxy(sys.argv[1], Path(sys.argv[2])).serve_forever()
