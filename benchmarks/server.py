"""A server that always gives the same answer, in a process of its own: `python -m benchmarks.server WORDS`.

It says its port, then nothing, or with `--times` a line for each answer: the monotonic time, the same in all processes
of the machine, right before its first event was written. It ends when its stdin does, so it cannot be left behind.

Each event is an HTTP chunk, as uvicorn sends it. Without a gap between events an answer is one write: the client is
then never the one who waits, and what it does is all that is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
import threading
import time
from typing import BinaryIO

from benchmarks.events import MODEL, payloads

_HEAD = (
    b"HTTP/1.1 200 OK\r\nserver: uvicorn\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)
_MODELS = json.dumps({"object": "list", "data": [{"id": MODEL, "object": "model", "max_model_len": 131072}]}).encode()


def main() -> None:
    """Serve until stdin ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("words", type=int)
    parser.add_argument("--wait", type=float, default=0.0, help="seconds before the first event")
    parser.add_argument("--gap", type=float, default=0.0, help="seconds between events")
    parser.add_argument("--times", action="store_true")
    given = parser.parse_args()
    pieces = [_chunked(b"data: %b\n\n" % payload) for payload in payloads(given.words)]
    end = _chunked(b"data: [DONE]\n\n") + b"0\r\n\r\n"
    pieces = [*pieces, end] if given.gap else [pieces[0], b"".join([*pieces[1:], end])]
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_accept, args=(listener, pieces, given), daemon=True).start()
    print(listener.getsockname()[1], flush=True)
    sys.stdin.buffer.read()
    os._exit(0)


def _chunked(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _accept(listener: socket.socket, pieces: list[bytes], given: argparse.Namespace) -> None:
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_serve, args=(connection, pieces, given), daemon=True).start()


def _serve(connection: socket.socket, pieces: list[bytes], given: argparse.Namespace) -> None:
    with connection, connection.makefile("rb") as reader:
        try:
            while method := _request(reader):
                if method == b"GET":
                    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
                    connection.sendall(head % len(_MODELS) + _MODELS)
                else:
                    _answer(connection, pieces, given)
        except ConnectionError:
            pass


def _request(reader: BinaryIO) -> bytes:
    """Read a request; return its method, nothing at the connection's end."""
    method = reader.readline().partition(b" ")[0]
    length = 0
    while line := reader.readline().strip():
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    reader.read(length)
    return method


def _answer(connection: socket.socket, pieces: list[bytes], given: argparse.Namespace) -> None:
    connection.sendall(_HEAD)
    if given.wait:
        time.sleep(given.wait)
    # The first event has a role and no text yet; what a person sees comes with the second, right behind it.
    first, *rest = [pieces[0] + pieces[1], *pieces[2:]]
    begun = time.clock_gettime(time.CLOCK_MONOTONIC)
    connection.sendall(first)
    for piece in rest:
        if given.gap:
            time.sleep(given.gap)
        connection.sendall(piece)
    if given.times:
        print(begun, flush=True)


if __name__ == "__main__":
    main()
