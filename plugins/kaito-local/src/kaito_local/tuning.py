"""What makes a small model answer better: what comes before the conversation, and its sampling.

Both belong to the engine. The conversation, its history and the user's system prompt do not contain them, and what the
user sets is used in their place.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from msgspec import Struct

#: The chat template of the model's file (ChatML), in which the beginning without a system prompt is open.
_TEMPLATE = (
    "{% for message in messages %}"
    "{% if loop.first and messages[0]['role'] != 'system' %}{{ BEGINNING }}{% endif %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


class Tuning(Struct, frozen=True, kw_only=True):
    """How the engine runs a model that uses the ChatML template."""

    #: The system prompt of a conversation without one; `None` for nothing.
    system: str | None = None
    #: Turns that follow it, as if they had been said: messages and their answers.
    examples: Sequence[tuple[str, str]] = ()
    #: Values for what a request leaves open, by the names of llama.cpp's parameters.
    sampling: Mapping[str, float | str] = {}

    @property
    def template(self) -> str:
        """The chat template in Jinja."""
        messages = [] if self.system is None else [("system", self.system)]
        for message, answer in self.examples:
            messages += [("user", message), ("assistant", answer)]
        beginning = "".join(f"<|im_start|>{role}\n{text}<|im_end|>\n" for role, text in messages)
        return _TEMPLATE.replace("BEGINNING", json.dumps(beginning, ensure_ascii=False))


#: None of the questions of the comparison is among them.
QUESTIONS = (
    ("What is the capital of Portugal?", "The capital of Portugal is Lisbon."),
    ("What is 4 + 3?", "4 + 3 = 7"),
    ("What is the opposite of big?", "The opposite of big is small."),
    ("Translate 'dog' into French.", "'Dog' in French is 'chien'."),
    ("What is 8 times 3?", "8 times 3 is 24."),
    ("Name a vegetable that is green.", "Spinach is green."),
)

#: Without these, the model takes a greeting for another question, and answers the ones above.
GREETING = ("Hi", "Hello! How can I help you?")
THANKS = ("Thank you!", "You're welcome!")

#: llama.cpp's samplers with the temperature before min-p, not after it. Min-p keeps the tokens that are nearly as
#: likely as the best one: in this order, the more of them the higher the user's temperature is.
TEMPERATURE_FIRST = "penalties;dry;top_n_sigma;top_k;typ_p;top_p;temperature;min_p"

#: Against loops. DRY makes what would repeat a longer part of a line less likely. The frequency penalty does so
#: for a word, each time that it was said: a little, as sums repeat the numbers of the question.
NO_LOOPS = {"dry_multiplier": 0.8, "penalty_freq": 0.1, "penalty_last_n": 256}

#: The best in the comparison, which is in the folder `comparison` beside this package's sources.
BUILT_IN = Tuning(
    system="You are a helpful assistant.",
    examples=(GREETING, *QUESTIONS, THANKS),
    sampling={"samplers": TEMPERATURE_FIRST, "min_p": 0.7, **NO_LOOPS},
)
