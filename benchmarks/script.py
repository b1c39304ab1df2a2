"""The cost of a long script, for each message.

Ten thousand messages, each after `clear` so that all requests have the same size, and answers without a delay: the
result is the cost of one turn. The alternative is an aiohttp loop that sends the same bodies and discards the answers.
The start of the programs is included.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.events import words
from benchmarks.measure import Cost, CouldNotRunError, Sandbox, Server, alternating, beside
from benchmarks.report import Bar, Row, ratio

RUNS = 5

_MESSAGES = 10_000
_WORDS = 8


def measure(sandbox: Sandbox, runs: int) -> Iterator[Row | str]:
    """Yield the row."""
    messages = [f"message {number}\n" for number in range(_MESSAGES)]
    script = "".join(f"clear\n{message}" for message in messages).encode()
    with Server(_WORDS) as server:

        def ours() -> float:
            cost = sandbox.run(beside("kaito"), "chat", "--endpoint", server.url, stdin=script)
            return _checked(cost, f"Assistant: {''.join(words(_WORDS)).strip()}")

        def theirs() -> float:
            return _checked(sandbox.python("aiohttp_loop.py", server.url, stdin="".join(messages).encode()), "ok")

        pairs = alternating(ours, theirs, runs)
        yield ratio(
            f"script: kaito / aiohttp loop, CPU of {_MESSAGES:,} messages",
            pairs,
            Bar("at most", 1.5),
            over="kaito / alternative",
            scale=1,
            unit=" s",
        )


def _checked(cost: Cost, line: str) -> float:
    """Return the CPU seconds of a run after checking that it printed this line for each message."""
    if cost.out != f"{line}\n".encode() * _MESSAGES:
        raise CouldNotRunError(f"unexpected output: {cost.out[:200]!r}")
    return cost.cpu
