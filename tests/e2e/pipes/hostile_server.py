"""A server on loopback that answers every request in one hostile way."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from pathlib import Path
from typing import Self

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
#: How it answers: what it sends once, and what it then repeats for ever; `None` for nothing more.
ANSWERS: dict[str, tuple[bytes, bytes | None]] = {
    "silence": (b"", None),
    "a head without an end": (b"HTTP/1.1 200 OK\r\n", None),
    "endless headers": (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
    "a body that stalls": (_HEAD + b"\r\n{", None),
    "an endless list": (_HEAD + b'\r\n{"items": [', b'{"metadata": {"name": "a"}}, '),
    "an endless blank": (_HEAD + b"\r\n", b" " * 4096),
    "an endless error": (b"HTTP/1.1 500 Oops\r\nContent-Type: text/html\r\n\r\n", b"<h1>" * 1024),
    "a page of headings": (
        b"HTTP/1.1 500 Oops\r\nContent-Type: text/html\r\nContent-Length: 65536\r\n\r\n" + b"<h1>" * 16384,
        None,
    ),
    "endless chunks": (_HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "endless events": (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n",
        b'data: {"choices": [{"delta": {"content": "word "}}]}\n\n',
    ),
}
#: Bytes after which an endless answer counts as being read.
_READ = 4 * 1024 * 1024


class HostileServer(contextlib.AbstractContextManager["HostileServer"]):
    """Answers all requests with one of :data:`ANSWERS`, and then keeps the connection open.

    Attributes:
        reached: set once an answer was sent, 4 MiB of an endless one were read, or the client had enough of it.
    """

    def __init__(self, answer: str) -> None:
        self._first, self._rest = ANSWERS[answer]
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connections: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.reached = threading.Event()
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def kubeconfig(self, path: Path, user: str = "{}") -> Path:
        """Write a kubeconfig that names this server; `user` is YAML."""
        path.write_text(
            f"current-context: a\nclusters: [{{name: a, cluster: {{server: {json.dumps(self.url)}}}}}]\n"
            f"users: [{{name: a, user: {user}}}]\ncontexts: [{{name: a, context: {{cluster: a, user: a}}}}]\n"
        )
        return path

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *error: object) -> None:
        # A close alone would not wake the threads.
        for each in (self._listener, *self._connections):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join()

    def _start(self, target: object, *arguments: object) -> None:
        self._threads.append(threading.Thread(target=target, args=arguments))  # type: ignore[arg-type]
        self._threads[-1].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._connections.append(connection)
                self._start(self._answer, connection)

    def _answer(self, connection: socket.socket) -> None:
        try:
            received = b""
            while b"\r\n\r\n" not in received:
                if not (data := connection.recv(65536)):
                    return
                received += data
            connection.sendall(self._first)
            block = self._rest and self._rest * max(65536 // len(self._rest), 1)
            sent = 0
            while block and sent < _READ:
                connection.sendall(block)
                sent += len(block)
            self.reached.set()
            while block:
                connection.sendall(block)
        except OSError:  # the client has closed it
            self.reached.set()
