"""A server with a fixed answer: `python -m benchmarks.server WORDS`.

It prints its port. With `--times` it also prints a line for each answer: the monotonic time, which all processes of the
machine share, right before its first event was written. It stops at the end of its stdin.

Each event is an HTTP chunk, as uvicorn sends it. Without a gap between events, an answer is one write, so that the
client never waits for the server.
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

from benchmarks.events import MODEL, completion, payloads

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
    parser.add_argument("--whole", action="store_true", help="send answers that are not streamed")
    arguments = parser.parse_args()
    pieces = [_chunked(b"data: %b\n\n" % payload) for payload in payloads(arguments.words)]
    end = _chunked(b"data: [DONE]\n\n") + b"0\r\n\r\n"
    pieces = [*pieces, end] if arguments.gap else [pieces[0], b"".join([*pieces[1:], end])]
    whole = _json(completion(arguments.words)) if arguments.whole else None
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_accept, args=(listener, pieces, whole, arguments), daemon=True).start()
    print(listener.getsockname()[1], flush=True)
    sys.stdin.buffer.read()
    os._exit(0)


def _chunked(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _json(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


def _accept(listener: socket.socket, pieces: list[bytes], whole: bytes | None, arguments: argparse.Namespace) -> None:
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_serve, args=(connection, pieces, whole, arguments), daemon=True).start()


def _serve(connection: socket.socket, pieces: list[bytes], whole: bytes | None, arguments: argparse.Namespace) -> None:
    with connection, connection.makefile("rb") as reader:
        try:
            while method := _request(reader):
                if method == b"GET":
                    connection.sendall(_json(_MODELS))
                elif whole is not None:
                    connection.sendall(whole)
                else:
                    _answer(connection, pieces, arguments)
        except ConnectionError:
            pass


def _request(reader: BinaryIO) -> bytes:
    """Read a request; return its method, or `b""` at the end of the connection."""
    method = reader.readline().partition(b" ")[0]
    length = 0
    while line := reader.readline().strip():
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    reader.read(length)
    return method


def _answer(connection: socket.socket, pieces: list[bytes], arguments: argparse.Namespace) -> None:
    connection.sendall(_HEAD)
    if arguments.wait:
        time.sleep(arguments.wait)
    # The first event has a role but no text, so the second one is sent with it.
    first, *rest = [pieces[0] + pieces[1], *pieces[2:]]
    started = time.clock_gettime(time.CLOCK_MONOTONIC)
    connection.sendall(first)
    for piece in rest:
        if arguments.gap:
            time.sleep(arguments.gap)
        connection.sendall(piece)
    if arguments.times:
        print(started, flush=True)


if __name__ == "__main__":
    main()
