"""A server of large bodies, in a process of its own: `GET /COUNT` gives as many bytes.

It says its port, and ends with its stdin. A body is written a mebibyte at a time, each by one call that holds no lock
of the interpreter: in all that is measured it is never the one that is waited for.
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
    # As many at once as a test may want: none of them shall wait for its SYN to be sent again.
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
