"""The number of events that kaito processes in one CPU second, from the socket to a pipe.

The start of the program is excluded: the rate is computed from the difference between a long and a short answer. Bare
`json.loads` over the same events, read in advance, is the lower limit of a client that parses each event separately.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec

from benchmarks.events import payloads
from benchmarks.measure import Cost, CouldNotRunError, Sandbox, Server, alternating, beside
from benchmarks.report import Bar, Row, ratio

RUNS = 5

_SHORT, _LONG, _LONG_FOR_OPENAI = 10, 200_000, 20_000


def measure(sandbox: Sandbox, runs: int) -> Iterator[Row | str]:
    """Yield the rows, and a note if the official client is not installed."""
    with Server(_SHORT) as short, Server(_LONG) as long, Server(_LONG_FOR_OPENAI) as medium:

        def kaito(server: Server) -> Cost:
            return sandbox.run(beside("kaito"), "chat", "--endpoint", server.url, "-m", "hi")

        def openai(server: Server) -> Cost:
            return sandbox.python("openai_script.py", server.url, "hi")

        def ours() -> float:
            return _rate(kaito, short, long, _LONG)

        def client() -> float:
            return _rate(openai, short, medium, _LONG_FOR_OPENAI)

        events = b"\n".join(payloads(_LONG))

        def parsing() -> float:
            return _LONG / float(sandbox.python("json_loads.py", stdin=events).out)

        pairs = alternating(ours, parsing, runs)
        name = "streaming: kaito / bare json.loads, events per CPU second"
        yield ratio(name, pairs, Bar("at least", 1.0), over="kaito / alternative", scale=0.001, unit="k/s")
        if find_spec("openai"):
            pairs = alternating(ours, client, runs)
            name = "streaming: kaito / openai client, events per CPU second"
            yield ratio(name, pairs, Bar("at least", 30.0), over="kaito / alternative", scale=0.001, unit="k/s")
        else:
            yield "streaming: openai is not installed; its row is left out"


def _rate(run: Callable[[Server], Cost], short: Server, long: Server, words: int) -> float:
    few, many = run(short), run(long)
    if len(many.out.split()) < words:
        raise CouldNotRunError(f"{len(many.out.split())} words arrived instead of {words}")
    return (words - _SHORT) / (many.cpu - few.cpu)
