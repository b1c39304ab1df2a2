"""Compares beginnings of a conversation, and sampling settings, of the built-in model by answers to simple questions.

    python plugins/kaito-local/comparison/compare.py [--seeds 3] [--example QUESTION]

Each question is sent as `kaito chat` sends it: alone, with the default `--temperature` and `--top-p`, and with one seed
after the other. The output is a table in Markdown. It is the same in each run on the same kind of processor; others
round differently, which changes a few answers. It takes six minutes on two idle cores.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import urllib.request
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from kaito_local import download, tuning
from kaito_local.engine import Engine
from kaito_local.tuning import Tuning
from questions import KINDS, QUESTIONS

from kaito.settings import Settings
from kaito.testing import RecordingReporter

#: The text in the model's own file.
FILE = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
HELPFUL = "You are a helpful assistant."
BRIEF = "You are a helpful assistant. You answer simple questions in one short sentence."
#: llama.cpp's own default.
LLAMA_CPP = {"min_p": 0.05}

#: The examples as a part of the system prompt.
IN_TEXT = "\n".join(f"Question: {question}\nAnswer: {answer}" for question, answer in tuning.QUESTIONS)

BEGINNINGS: Mapping[str, Mapping[str, Any]] = {
    "the text in the model's file": {"system": FILE},
    "none": {},
    "“You are a helpful assistant.”": {"system": HELPFUL},
    "the same, and “You answer simple questions in one short sentence.”": {"system": BRIEF},
    "“You are a helpful assistant.”, and six questions with answers in it": {"system": f"{HELPFUL}\n\n{IN_TEXT}"},
    "the same questions and answers, as turns after it": {"system": HELPFUL, "examples": tuning.QUESTIONS},
    "a greeting and thanks around these": {"system": HELPFUL, "examples": tuning.BUILT_IN.examples},
}
#: The sampling with which the beginnings are compared.
FEW = {"min_p": 0.3}
SAMPLING: Mapping[str, Mapping[str, float | str]] = {
    "min-p 0.05, llama.cpp's default": LLAMA_CPP,
    "min-p 0.3": FEW,
    "min-p 0.5 after the temperature": {"samplers": tuning.TEMPERATURE_FIRST, "min_p": 0.5},
    "min-p 0.7 after the temperature": {"samplers": tuning.TEMPERATURE_FIRST, "min_p": 0.7},
    "the same, with DRY 0.8 and a frequency penalty of 0.1": tuning.BUILT_IN.sampling,
}
#: Tokens of an answer; what is checked of it is shorter.
_LENGTH = 32


class Model:
    """The built-in model with one tuning."""

    def __init__(self, file: Path, tuned: Tuning) -> None:
        self._engine = Engine()
        self._url = self._engine.start(file, "model", tuned)

    def __enter__(self) -> Model:
        return self

    def __exit__(self, *_: object) -> None:
        self._engine.stop()

    def answer(self, question: str, **fields: Any) -> Any:
        """Return the choice of the response to one question."""
        defaults = Settings()
        body = {
            "messages": [{"role": "user", "content": question}],
            "temperature": defaults.temperature,
            "top_p": defaults.top_p,
            "max_tokens": _LENGTH,
            **fields,
        }
        headers = {"Content-Type": "application/json", "Connection": "close"}
        request = urllib.request.Request(f"{self._url}/v1/chat/completions", json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=600) as response:
            return json.load(response)["choices"][0]


def score(file: Path, tuned: Tuning, seeds: Iterable[int]) -> Counter[str]:
    """Return the number of right answers to the questions of each kind."""
    right: Counter[str] = Counter()
    with Model(file, tuned) as model:
        for question in QUESTIONS:
            for seed in seeds:
                right[question.kind] += question.is_answered_by(
                    model.answer(question.text, seed=seed)["message"]["content"]
                )
    return right


def row(name: str, right: Counter[str], seeds: int) -> str:
    """Return a row of the table."""
    cells = [f"{right[kind]} of {seeds * sum(one.kind == kind for one in QUESTIONS)}" for kind in KINDS]
    return f"| {name} | {' | '.join(cells)} | {100 * right.total() / (seeds * len(QUESTIONS)):.0f} % |"


def table(name: str, rows: Iterable[str]) -> None:
    """Print a table, each row as soon as it is known."""
    print(f"\n| {name} | {' | '.join(KINDS)} | right |\n| {'--- | ' * (len(KINDS) + 2)}".rstrip())
    for each in rows:
        print(each, flush=True)


def show_example(file: Path, question: str) -> None:
    """Print the answers to one question in 20 runs, and how certain the model is of each token."""
    with Model(file, tuning.BUILT_IN) as model:
        for seed in range(20):
            print(seed, model.answer(question, seed=seed, max_tokens=Settings().max_tokens)["message"]["content"])
        certain = model.answer(question, temperature=0, logprobs=True, top_logprobs=2)
        for token in certain["logprobs"]["content"]:
            first, second = (math.exp(each["logprob"]) for each in token["top_logprobs"][:2])
            print(f"{token['token']!r:20} {first:.2f}, the next {second:.2f}")


def main() -> None:
    """Print the tables, or the answers to one question."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=3, help="seeds for each question (default 3)")
    parser.add_argument("--example", metavar="QUESTION", help="show the answers to this question in 20 runs instead")
    arguments = parser.parse_args()
    file = asyncio.run(download.built_in_model(RecordingReporter()))
    if arguments.example:
        show_example(file, arguments.example)
        return
    seeds = range(1, arguments.seeds + 1)
    found: dict[str, Counter[str]] = {}

    def rows(tunings: Mapping[str, Tuning]) -> Iterator[str]:
        for name, tuned in tunings.items():
            if repr(tuned) not in found:
                found[repr(tuned)] = score(file, tuned, seeds)
            yield row(name, found[repr(tuned)], len(seeds))

    best = tuning.BUILT_IN
    table("before", rows({"the text in the model's file, min-p 0.05": Tuning(system=FILE, sampling=LLAMA_CPP)}))
    table("beginning", rows({name: Tuning(**each, sampling=FEW) for name, each in BEGINNINGS.items()}))
    table(
        "sampling",
        rows(
            {name: Tuning(system=best.system, examples=best.examples, sampling=each) for name, each in SAMPLING.items()}
        ),
    )


if __name__ == "__main__":
    main()
