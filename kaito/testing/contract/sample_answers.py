"""Answers that formatters have to cope with: ordinary, odd and hostile ones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from kaito.testing.contract.formatter_session import Answer, said
from kaito.types import Delta

#: Words that occur nowhere else in an output, and look the same in any format.
WORDS = [str(number) for number in range(70001, 70061)]

#: Characters that are easily split, miscounted or lost.
UNUSUAL = (
    "é", "e\u0301", "日本語", "한국어", "👩\u200d👩\u200d👧", "🇩🇪", "❤\ufe0f", "\u200b", "\ufeff", "\u2028", "\u2029",
    "\u0085", "\xa0", "\u3000", "العربية", "עברית", "ﷺ", "𝔘𝔫𝔦", "\U0010ffff", "\ufffe", "\ud7ff", "\ue000",
    "a\u0300\u0301\u0302\u0303" * 5, "\t", "\\", '"', "'", "<b>&amp;</b>", "`", "|", "{}", "%s", "$x", "{{", "\\n",
    "\x7f", "\x00", "\r\n", "\r", "\v", "\f",
)  # fmt: skip

#: Marks that many formats know, and texts that they begin and never end.
MARKS = (
    "*", "**", "_", "~~", "`", "```", "```python\n", "#", "# ", "- ", "1. ", "> ", "|", "| a | b |\n|---|---|\n", "[",
    "](", ")", "![", "<", ">", "&", "<br>", "\n", "\n\n", " ", "    ", "---\n", "word", "two words", "。",
)  # fmt: skip

#: What a model may send to a terminal: to clear it, to set its title or clipboard, to hide or to turn text around.
CONTROL_SEQUENCES = (
    "\x1b[2J", "\x1b[38;5;197m", "\x1b]0;title\x07", "\x1b]52;c;bGlzdA==\x1b\\", "\x1b]8;;http://evil.example\x1b\\",
    "\x9b2J", "\x90q\x9c", "\u202e", "\u2066", "\x08", "\x07", "\x1bc", "\x0e", "\x7f",
)  # fmt: skip

ORDINARY = said("The ", "answer", " is ", "42", ".", " It", " was", " computed", ".\n", "\nSlowly", ".")
REASONED = Answer(
    [
        Delta(reasoning="Let me"),
        Delta(reasoning=" think.\n\n"),
        Delta(reasoning="So", content="It"),
        Delta(content=" is 42."),
    ]
)
#: Nothing but its parts that are not shown.
EMPTY = (
    Answer([]),
    said(""),
    said("", "", ""),
    said(" ", "\n", "\t\n"),
    Answer([], finish_reason=None),
    said("", finish_reason=None),
    said("\n\n", finish_reason=None),
    said("", finish_reason="length"),
    Answer([Delta(reasoning="Hm")], finish_reason=None),
    Answer([Delta(reasoning="\n")]),
)
#: Answers that end in the middle of something.
UNFINISHED = (
    "The answ", "**bold", "*a `code", "```python\nx = (1", "| a | b |\n|---|--", "# Title", "- item\n  - it", "> quo", "[link](http://",
    "&am", "<b", "text\n", "text\n\n\n", "  ", "“Quo", "日", "👩\u200d", "e\u0301", "1.", "\\", "'", '"a", "b',
)  # fmt: skip

SAMPLES: Sequence[Answer] = (
    ORDINARY,
    REASONED,
    *EMPTY,
    said(*UNUSUAL),
    said("".join(UNUSUAL)),
    said(*MARKS),
    said(*MARKS, finish_reason="length"),
    *(said("a ", *mark, finish_reason=None) for mark in MARKS),
    *(said(*text, finish_reason=reason) for text in UNFINISHED for reason in (None, "stop")),
)


def missing_word(words: Iterable[str], output: str) -> str | None:
    """Return the first of the words that an output lacks, or has before the words that precede it."""
    found = iter(re.findall(r"7\d{4}", output))
    return next((word for word in words if word not in found), None)
