"""The cost of one short answer, as a whole command.

It includes the start of the program, the connection and the exit; the server sends ten events without a delay. The
difference to twenty lines of aiohttp is kaito's own share. The official client and `llm` are the alternatives that
people use.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from importlib.util import find_spec

from benchmarks.events import words
from benchmarks.measure import Cost, CouldNotRunError, Sandbox, Server, alternating, beside
from benchmarks.report import Bar, Row, ratio

RUNS = 20

#: Ten events, with those of the role and of the end.
WORDS = 8


def measure(sandbox: Sandbox, runs: int) -> Iterator[Row | str]:
    """Yield the rows, and a note for each alternative that is not installed."""
    with Server(WORDS) as server:

        def ours() -> Cost:
            return checked(sandbox.run(beside("kaito"), "chat", "--endpoint", server.url, "-m", "hi"))

        def aiohttp() -> Cost:
            return checked(sandbox.python("aiohttp_script.py", server.url, "hi"))

        def openai() -> Cost:
            return checked(sandbox.python("openai_script.py", server.url, "hi"))

        def llm() -> Cost:
            return checked(sandbox.run(beside("llm"), "-m", "bench", "hi"))

        pairs = alternating(ours, aiohttp, runs)
        cpu = [(first.cpu, second.cpu) for first, second in pairs]
        yield ratio("one-shot: kaito / aiohttp script, CPU", cpu, Bar("at most", 1.25), over="kaito / alternative")
        if find_spec("openai"):
            yield from _slower("openai script", alternating(ours, openai, runs))
        else:
            yield "one-shot: openai is not installed; its rows are left out"
        if _is_installed("llm"):
            _configure_llm(sandbox, server)
            yield from _slower("llm", alternating(ours, llm, runs))
        else:
            yield "one-shot: llm is not installed; its rows are left out"


def _slower(name: str, pairs: list[tuple[Cost, Cost]]) -> Iterator[Row]:
    bar = Bar("at least", 2.5)
    numbers: dict[str, Callable[[Cost], float]] = {"CPU": lambda cost: cost.cpu, "wall": lambda cost: cost.wall}
    for kind, number in numbers.items():
        values = [(number(ours), number(theirs)) for ours, theirs in pairs]
        yield ratio(f"one-shot: {name} / kaito, {kind}", values, bar, over="alternative / kaito")


def checked(cost: Cost) -> Cost:
    """Return the cost of a run after checking that it printed the answer of :data:`WORDS`.

    Raises:
        CouldNotRunError: it did not.
    """
    if "".join(words(WORDS)).strip() not in cost.out.decode():
        raise CouldNotRunError(f"unexpected output: {cost.out!r}")
    return cost


def _is_installed(command: str) -> bool:
    try:
        beside(command)
    except CouldNotRunError:
        return False
    return True


def _configure_llm(sandbox: Sandbox, server: Server) -> None:
    folder = sandbox.home / "llm"
    folder.mkdir(exist_ok=True)
    model = {"model_id": "bench", "model_name": "bench", "api_base": f"{server.url}/v1"}
    # JSON is YAML.
    (folder / "extra-openai-models.yaml").write_text(json.dumps([model]))
