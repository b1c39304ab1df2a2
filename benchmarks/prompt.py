"""How long a person waits for the prompt: after an answer's last event, and after Ctrl-C in its middle.

The chat runs on a pseudo-terminal, with line editing and all. This one process is at once its server and its person, so
one clock tells when the last event was written, when the key was pressed, when the server saw the connection close, and
when the prompt came. The kernel's own way from one process to the other is part of each figure.
"""

from __future__ import annotations

import json
import os
import re
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from statistics import median
from types import TracebackType
from typing import Self

from benchmarks.events import MODEL, payloads
from benchmarks.measure import CouldNotRunError, Sandbox, beside
from benchmarks.report import Bar, Row
from kaito.testing.pty_process import PtyProcess

RUNS = 40

_WARM_UP = 3
_PATIENCE = 20.0
_ANSWER = re.compile(rb"Assistant: .*watch")
_PROMPT = re.compile(rb"(\n|\x1b\[\?2004h)> $")
_MODELS = json.dumps({"object": "list", "data": [{"id": MODEL, "object": "model"}]}).encode()
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def measure(sandbox: Sandbox, runs: int) -> Iterator[Row | str]:
    """Yield the rows, or a line where there are no pseudo-terminals."""
    if os.name != "posix":
        yield "prompt: this system has no pseudo-terminals; its rows are left out"
        return
    with _Chat(sandbox) as chat:
        answered = [chat.answer() for _ in range(_WARM_UP + runs)][_WARM_UP:]
        stopped = [chat.interrupt() for _ in range(_WARM_UP + runs)][_WARM_UP:]
    closed, prompted = zip(*stopped, strict=True)
    yield _row("prompt: last event to prompt", answered, 5.0)
    yield _row("prompt: Ctrl-C to the connection's close", closed, 100.0)
    yield _row("prompt: Ctrl-C to prompt", prompted, 150.0)


def _row(name: str, seconds: Sequence[float], limit: float) -> Row:
    return Row(
        name=name,
        ours=f"{median(seconds) * 1000:.2f} ms",
        theirs=f"{max(seconds) * 1000:.2f} ms",
        compared="median; the longest beside it",
        value=median(seconds) * 1000,
        bar=Bar("at most", limit, " ms"),
    )


class _Chat:
    """A chat on a terminal, with its server and its person."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._seen = bytearray()
        role, *words, end = (_chunk(b"data: %b\n\n" % payload) for payload in payloads(20))
        self._begin = _HEAD + role + b"".join(words)
        self._end = end + _chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            self._listener.settimeout(_PATIENCE)
            self._terminal = PtyProcess(
                [beside("kaito"), "chat", "--endpoint", f"http://127.0.0.1:{self._listener.getsockname()[1]}"],
                size=(80, 24),
                env={**self._sandbox.env, "TERM": "xterm"},
                cwd=self._sandbox.home,
                streams=("terminal", "terminal", "terminal"),
                draw=self._record,
            )
            stack.callback(self._terminal.close)
            self._accept()
            stack.callback(lambda: self._connection.close())
            self._request()
            head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
            self._connection.sendall(head % len(_MODELS) + _MODELS)
            self._until_prompt()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def answer(self) -> float:
        """Answer a message; return the seconds from the last event to the prompt."""
        self._ask()
        written = time.monotonic()
        self._connection.sendall(self._end)
        self._until_prompt()
        return time.monotonic() - written

    def interrupt(self) -> tuple[float, float]:
        """Interrupt an answer; return the seconds from the key to the connection's close and to the prompt."""
        self._ask()
        pressed = time.monotonic()
        self._type(b"\x03")
        if self._connection.recv(1):
            raise CouldNotRunError("kaito sent more than its request")
        closed = time.monotonic()
        self._until_prompt()
        prompted = time.monotonic()
        return closed - pressed, prompted - pressed

    def _ask(self) -> None:
        """Send a message, and all of its answer that has words in it."""
        self._type(b"hello\n")
        self._request()
        self._connection.sendall(self._begin)
        self._until(_ANSWER)

    def _request(self) -> None:
        """Take a request, on the connection that there is or on another."""
        while not (line := self._reader.readline()):
            self._accept()
        length = 0
        while line.strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
            line = self._reader.readline()
        self._reader.read(length)

    def _accept(self) -> None:
        self._connection, _ = self._listener.accept()
        self._connection.settimeout(_PATIENCE)
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = self._connection.makefile("rb")

    def _type(self, keys: bytes) -> None:
        self._seen.clear()
        self._terminal.write(keys, _PATIENCE, to_stdin=False)

    def _record(self, data: bytes) -> bytes:
        self._seen += data
        return b""

    def _until_prompt(self) -> None:
        self._until(_PROMPT)

    def _until(self, what: re.Pattern[bytes]) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not what.search(self._seen):
            if time.monotonic() > deadline or self._terminal.exit_code() is not None:
                raise CouldNotRunError(f"the terminal shows {bytes(self._seen)!r}")
            self._terminal.pump(0.1)


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)
