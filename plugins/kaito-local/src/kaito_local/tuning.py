"""What makes a small model answer better: its text before the conversation, and its sampling.

Both belong to the engine. The conversation, its history and the user's system prompt do not contain them, and what the
user sets is used in their place.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from msgspec import Struct

#: The chat template of the model's file (ChatML), in which the text for conversations without a system prompt is open.
_TEMPLATE = (
    "{% for message in messages %}"
    "{% if loop.first and messages[0]['role'] != 'system' %}{{ SYSTEM }}{% endif %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


class Tuning(Struct, frozen=True, kw_only=True):
    """How the engine runs a model that uses the ChatML template."""

    #: Precedes a conversation without a system prompt; `None` for nothing.
    system: str | None = None
    #: Values for what a request leaves open, by the names of llama.cpp's parameters.
    sampling: Mapping[str, float | str] = {}

    @property
    def template(self) -> str:
        """The chat template in Jinja."""
        system = "" if self.system is None else f"<|im_start|>system\n{self.system}<|im_end|>\n"
        return _TEMPLATE.replace("SYSTEM", json.dumps(system, ensure_ascii=False))


def with_examples(text: str, examples: Sequence[tuple[str, str]]) -> str:
    """Return a system text with questions and their answers."""
    return "\n\n".join([text, "\n".join(f"Question: {question}\nAnswer: {answer}" for question, answer in examples)])


#: None of the questions of the comparison is among them.
EXAMPLES = (
    ("What is the capital of Portugal?", "The capital of Portugal is Lisbon."),
    ("What is 4 + 3?", "4 + 3 = 7"),
    ("What is the opposite of big?", "The opposite of big is small."),
    ("Translate 'dog' into French.", "'Dog' in French is 'chien'."),
    ("What is 8 times 3?", "8 times 3 is 24."),
    ("Name a vegetable that is green.", "Spinach is green."),
)

#: llama.cpp's samplers with the temperature before min-p, not after it. Min-p keeps the tokens that are nearly as
#: likely as the best one: in this order, the more of them the higher the user's temperature is.
TEMPERATURE_FIRST = "penalties;dry;top_n_sigma;top_k;typ_p;top_p;temperature;min_p"

#: The best in the comparison, which is in the folder `comparison` beside this package's sources.
BUILT_IN = Tuning(
    system=with_examples("You are a helpful assistant.", EXAMPLES),
    sampling={"samplers": TEMPERATURE_FIRST, "min_p": 0.7},
)
