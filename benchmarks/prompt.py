"""The time until the prompt appears: after the last event of an answer, and after Ctrl-C during an answer.

The chat runs on a pseudo-terminal with line editing. The benchmark is both its server and its user, so that one clock
measures all events. The time that the kernel needs to switch processes is included.
"""

from __future__ import annotations

import json
import os
import re
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from statistics import median

from benchmarks.events import MODEL, payloads
from benchmarks.measure import CouldNotRunError, Sandbox, beside
from benchmarks.report import Bar, Row
from kaito.testing.pty_process import PtyProcess

RUNS = 40

_WARM_UP = 3
_TIMEOUT = 20.0
_ANSWER = re.compile(rb"Assistant: .*watch")
_PROMPT = re.compile(rb"(\n|\x1b\[\?2004h)> $")
_MODELS = json.dumps({"object": "list", "data": [{"id": MODEL, "object": "model"}]}).encode()
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def measure(sandbox: Sandbox, runs: int) -> Iterator[Row | str]:
    """Yield the rows, or a note if the system has no pseudo-terminals."""
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
        theirs="",
        compared=f"median; longest {max(seconds) * 1000:.2f} ms",
        value=median(seconds) * 1000,
        bar=Bar("at most", limit, " ms"),
    )


class _Chat(AbstractContextManager["_Chat"]):
    """A chat on a terminal, whose server this object is."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._output = bytearray()
        role, *words, end = (_chunk(b"data: %b\n\n" % payload) for payload in payloads(20))
        self._begin = _HEAD + role + b"".join(words)
        self._end = end + _chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"
        with ExitStack() as stack:
            self._listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            self._listener.settimeout(_TIMEOUT)
            self._terminal = PtyProcess(
                [beside("kaito"), "chat", "--endpoint", f"http://127.0.0.1:{self._listener.getsockname()[1]}"],
                size=(80, 24),
                env={**sandbox.env, "TERM": "xterm"},
                cwd=sandbox.home,
                streams=("terminal", "terminal", "terminal"),
                draw=self._record,
            )
            stack.callback(self._terminal.close)
            self._accept()
            stack.callback(lambda: self._connection.close())
            self._read_request()
            head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
            self._connection.sendall(head % len(_MODELS) + _MODELS)
            self._wait_for(_PROMPT)
            self._cleanup = stack.pop_all()

    def __exit__(self, *error: object) -> None:
        self._cleanup.close()

    def answer(self) -> float:
        """Answer a message; return the seconds from the last event to the prompt."""
        self._send_message()
        written = time.monotonic()
        self._connection.sendall(self._end)
        self._wait_for(_PROMPT)
        return time.monotonic() - written

    def interrupt(self) -> tuple[float, float]:
        """Interrupt an answer; return the seconds from Ctrl-C to the close of the connection and to the prompt."""
        self._send_message()
        pressed = time.monotonic()
        self._type(b"\x03")
        if self._connection.recv(1):
            raise CouldNotRunError("kaito sent more than its request")
        closed = time.monotonic()
        self._wait_for(_PROMPT)
        prompted = time.monotonic()
        return closed - pressed, prompted - pressed

    def _send_message(self) -> None:
        """Send a message, and all events of its answer that have text."""
        self._type(b"hello\n")
        self._read_request()
        self._connection.sendall(self._begin)
        self._wait_for(_ANSWER)

    def _read_request(self) -> None:
        """Read a request from the current connection or a new one."""
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
        self._connection.settimeout(_TIMEOUT)
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = self._connection.makefile("rb")

    def _type(self, keys: bytes) -> None:
        self._output.clear()
        self._terminal.write(keys, _TIMEOUT, to_stdin=False)

    def _record(self, data: bytes) -> bytes:
        self._output += data
        return b""

    def _wait_for(self, pattern: re.Pattern[bytes]) -> None:
        deadline = time.monotonic() + _TIMEOUT
        while not pattern.search(self._output):
            if time.monotonic() > deadline or self._terminal.exit_code() is not None:
                raise CouldNotRunError(f"the terminal shows {bytes(self._output)!r}")
            self._terminal.pump(0.1)


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)
