"""Sixty simple questions, each with a pattern that a right answer matches."""

from __future__ import annotations

import re
from typing import NamedTuple

#: The number of characters of an answer that are checked: a model that finds the answer late has rambled.
_CHECKED = 120


class Question(NamedTuple):
    """What is asked, and how its answer is checked."""

    kind: str
    text: str
    #: A regular expression, searched in the answer without regard to case.
    pattern: str

    def is_answered_by(self, answer: str) -> bool:
        """Return whether the answer is right. It may say more than was asked."""
        return re.search(self.pattern, answer[:_CHECKED], re.IGNORECASE) is not None


def _number(value: str) -> str:
    """Return a pattern for a number that is not a part of another one."""
    return rf"(?<![\d.,]){value}(?![\d]|[.,]\d)"


_FACTS = {
    "What is the capital of France?": r"\bParis\b",
    "What is the capital of Italy?": r"\bRome\b",
    "What is the capital of Japan?": r"\bTokyo\b",
    "What is the capital of Germany?": r"\bBerlin\b",
    "What is the capital of Spain?": r"\bMadrid\b",
    "What is the capital of Egypt?": r"\bCairo\b",
    "Which planet is closest to the Sun?": r"\bMercury\b",
    "What is the largest planet in our solar system?": r"\bJupiter\b",
    "Which planet is known as the Red Planet?": r"\bMars\b",
    "What is the largest ocean on Earth?": r"\bPacific\b",
    "What is the tallest mountain in the world?": r"\bEverest\b",
    "On which continent is Brazil?": r"\bSouth America\b",
    "Who wrote Romeo and Juliet?": r"\bShakespeare\b",
    "Who painted the Mona Lisa?": r"\bLeonardo\b|\bda Vinci\b",
    "Who developed the theory of relativity?": r"\bEinstein\b",
    "Who was the first president of the United States?": r"\bWashington\b",
    "What is the chemical formula of water?": r"\bH(2|₂|_2)O\b",
    "What is the chemical symbol of gold?": r"\bAu\b",
    "What gas do plants absorb from the air?": r"carbon dioxide|\bCO(2|₂)\b",
    "Which organ pumps blood through the body?": r"\bheart\b",
    "What is frozen water called?": r"\bice\b",
    "Which animal is known as man's best friend?": r"\bdogs?\b",
    "How many days are there in a week?": rf"\bseven\b|{_number('7')}",
    "How many months are there in a year?": rf"\btwelve\b|{_number('12')}",
    "How many legs does a spider have?": rf"\beight\b|{_number('8')}",
    "How many hours are there in a day?": rf"\btwenty-four\b|{_number('24')}",
}

_ARITHMETIC = {
    "What is 2 + 2?": "4",
    "What is 3 + 5?": "8",
    "What is 7 + 6?": "13",
    "What is 10 + 15?": "25",
    "What is 9 - 4?": "5",
    "What is 20 - 8?": "12",
    "What is 3 times 4?": "12",
    "What is 6 times 7?": "42",
    "What is 5 * 5?": "25",
    "What is 10 * 10?": "100",
    "What is 10 divided by 2?": "5",
    "What is half of 8?": "4",
    "I have 3 apples and buy 2 more. How many apples do I have?": "5|five",
    "What number comes after 9?": "10|ten",
}

_TASKS = {
    "Translate 'Good morning' into French.": r"\bbonjour\b",
    "Translate 'cat' into Spanish.": r"\bgato\b",
    "How do you say 'thank you' in German?": r"\bdanke\b",
    "What is the opposite of hot?": r"\bcold\b|\bcool\b",
    "What is the opposite of up?": r"\bdown\b",
    "What is the past tense of 'go'?": r"\bwent\b",
    "What is the plural of 'mouse'?": r"\bmice\b",
    "Name a primary colour.": r"\bred\b|\bblue\b|\byellow\b",
    "Name a fruit that is yellow.": r"\bbananas?\b|\blemons?\b|\bpineapples?\b|\bmango",
    "Name an animal that can fly.": r"\b(birds?|bats?|eagles?|butterfl(y|ies)|hummingbirds?|owls?|bees?|parrots?)\b",
    "List the three primary colours.": r"(?=.*\bred\b)(?=.*\bblue\b)(?=.*\b(yellow|green)\b)",
    "List the four seasons.": r"(?=.*\bspring\b)(?=.*\bsummer\b)(?=.*\b(autumn|fall)\b)(?=.*\bwinter\b)",
    "Count from 1 to 5.": r"1\D+2\D+3\D+4\D+5",
    "Which day comes after Monday?": r"\bTuesday\b",
    "Which month comes after March?": r"\bApril\b",
    "Say hello.": r"\bhello\b",
    "Repeat this word: banana": r"\bbanana\b",
    "Write the word 'stop' in capital letters.": r"(?-i:\bSTOP\b)",
    "Complete the sentence: The sky is": r"\bblue\b|\bclear\b|\bgr[ae]y\b",
    "Is the Earth flat? Answer yes or no.": r"^\W*no\b|\bis not flat\b|\bisn't flat\b",
}

QUESTIONS = (
    *(Question("facts", text, pattern) for text, pattern in _FACTS.items()),
    *(
        Question("arithmetic", text, rf"\b({value})\b" if "|" in value else _number(value))
        for text, value in _ARITHMETIC.items()
    ),
    *(Question("tasks", text, f"(?s){pattern}") for text, pattern in _TASKS.items()),
)
KINDS = tuple(dict.fromkeys(question.kind for question in QUESTIONS))
