"""A server of large bodies: `GET /COUNT` returns COUNT bytes.

It prints its port and stops at the end of its stdin. It writes a body in blocks of 1 MiB without holding the GIL, so
that it is never the bottleneck.
"""

from __future__ import annotations

import os
import socket
import sys
import threading

_BLOCK = memoryview(bytes(1 << 20))
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\ncontent-length: %d\r\n\r\n"


def main() -> None:
    """Serve until stdin ends."""
    # Enough for all connections at once, so that no SYN is sent again.
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    threading.Thread(target=_accept, args=(listener,), daemon=True).start()
    print(listener.getsockname()[1], flush=True)
    sys.stdin.buffer.read()
    os._exit(0)


def _accept(listener: socket.socket) -> None:
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_serve, args=(connection,), daemon=True).start()


def _serve(connection: socket.socket) -> None:
    with connection, connection.makefile("rb") as reader:
        try:
            while line := reader.readline():
                while reader.readline().strip():
                    pass
                count = int(line.split()[1].lstrip(b"/"))
                connection.sendall(_HEAD % count)
                while count:
                    count -= connection.send(_BLOCK[:count])
        except ConnectionError:
            pass


if __name__ == "__main__":
    main()
