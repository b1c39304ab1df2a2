"""The delay of the first token, from the server's write to kaito's stdout, in a running session.

The server records the time of its first write, the benchmark the time of the first byte from the client's pipe, both
with the monotonic clock that all processes share. `curl -N` does not process its input, so its delay is that of the
machine. It is a new process for each request, but the delay begins after the request was read.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from statistics import median

from benchmarks.measure import CouldNotRunError, Sandbox, Server, alternating, beside, ending
from benchmarks.report import Bar, Row

RUNS = 60

_WARM_UP = 5
_BODY = json.dumps({"model": "bench", "messages": [{"role": "user", "content": "hi"}], "stream": True})


def measure(sandbox: Sandbox, runs: int) -> Iterator[Row | str]:
    """Yield the row, or a note if curl is not installed."""
    curl = shutil.which("curl")
    if curl is None:
        yield "first-token: curl is not installed; its row is left out"
        return
    post = [curl, "-s", "-N", "-H", "Content-Type: application/json", "-d", _BODY]
    with Server(10, wait=0.05, gap=0.003, times=True) as server:
        chat = sandbox.start([beside("kaito"), "chat", "--endpoint", server.url])
        with ending(chat):

            def ours() -> float:
                assert chat.stdin is not None
                chat.stdin.write(b"hi\n")
                chat.stdin.flush()
                return _delay(chat, server, to_end=False)

            def theirs() -> float:
                command = [*post, f"{server.url}/v1/chat/completions"]
                with ending(sandbox.start(command, stdin=subprocess.DEVNULL)) as process:
                    return _delay(process, server, to_end=True)

            for _ in range(_WARM_UP):
                ours()
            pairs = alternating(ours, theirs, runs)
    delays = [(first * 1000, second * 1000) for first, second in pairs]
    first, second = (median(side) for side in zip(*delays, strict=True))
    yield Row(
        name="first-token: kaito - curl -N, server's write to stdout",
        ours=f"{first:.2f} ms",
        theirs=f"{second:.2f} ms",
        compared="kaito - alternative",
        value=median(first - second for first, second in delays),
        bar=Bar("at most", 3.0, " ms"),
    )


def _delay(process: subprocess.Popen[bytes], server: Server, *, to_end: bool) -> float:
    """Return the seconds from the server's first write to the first byte; read the whole answer."""
    assert process.stdout is not None
    pipe = process.stdout.fileno()
    data = os.read(pipe, 65536)
    arrived = time.clock_gettime(time.CLOCK_MONOTONIC)
    if not data:
        raise CouldNotRunError(f"{process.args!r} printed no answer")
    # kaito's answer ends with a newline, curl's with the stream.
    while data and (to_end or not data.endswith(b"\n")):
        data = os.read(pipe, 65536)
    return arrived - server.answer_time()
