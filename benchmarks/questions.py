"""The cost of many questions at once with the Python client, for each question.

Answers are not streamed and come without a delay. The alternatives send the same bodies: a bare aiohttp loop, and the
official client. The start of the programs and their imports are not included: each program reports the CPU time of its
questions alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from benchmarks.measure import CouldNotRunError, Sandbox, Server, alternating
from benchmarks.report import Bar, Row, ratio

RUNS = 5

_QUESTIONS, _AT_ONCE = 1000, 64
_WORDS = 20


def measure(sandbox: Sandbox, runs: int) -> Iterator[Row | str]:
    """Yield the rows."""
    with Server(_WORDS, whole=True) as server:

        def program(script: str) -> Callable[[], float]:
            def run() -> float:
                cost = sandbox.python(script, server.url, str(_QUESTIONS), str(_AT_ONCE))
                try:
                    return float(cost.out) / _QUESTIONS
                except ValueError:
                    raise CouldNotRunError(f"unexpected output: {cost.out[:200]!r}") from None

            return run

        ours = program("kaito_gather.py")
        name = f"questions: kaito / {{}}, CPU of each of {_QUESTIONS:,}, {_AT_ONCE} at a time"
        yield ratio(
            name.format("aiohttp"),
            alternating(ours, program("aiohttp_gather.py"), runs),
            Bar("at most", 1.4),
            over="kaito / alternative",
        )
        yield ratio(
            name.format("AsyncOpenAI"),
            alternating(ours, program("openai_gather.py"), runs),
            Bar("at least", 6),
            over="alternative / kaito",
        )
