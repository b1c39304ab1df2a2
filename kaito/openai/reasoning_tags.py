"""Separates reasoning that a model writes into its answer between tags, as servers without a reasoning parser send it.

DeepSeek, Qwen and MiniMax write `<think>`, others `<thinking>`, Mistral `[THINK]`.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from string import ascii_letters

#: The tag that closes each opening one. Tags are compared without regard to case.
_CLOSING = {"<think>": "</think>", "<thinking>": "</thinking>", "[think]": "[/think]"}
_LONGEST = max(map(len, _CLOSING.values()))
#: Characters with which no tag begins.
_LETTERS = frozenset(ascii_letters)
#: The most characters of white space before an opening tag.
_MAX_BLANKS = 64

_OPENING = re.compile(r"<think(?:ing)?>|\[THINK\]", re.IGNORECASE)
_ORPHAN = re.compile(r"</think(?:ing)?>|\[/THINK\]", re.IGNORECASE)


class _State(Enum):
    #: So far, only white space and perhaps the beginning of a tag.
    START = auto()
    REASONING = auto()
    #: After the closing tag, up to the first visible character.
    BETWEEN = auto()
    ANSWER = auto()


class ReasoningSplitter:
    """Splits one answer that arrives in pieces.

    Attributes:
        done: whether everything that follows belongs to the answer.
    """

    def __init__(self) -> None:
        self.done = False
        self._state = _State.START
        self._held = ""
        self._closing = ""

    def feed(self, text: str) -> tuple[str, str]:
        """Return the next piece's reasoning and content. What may be the beginning of a tag is held back."""
        if not text:
            return "", ""
        reasoning = ""
        text = self._held + text
        self._held = ""
        if self._state is _State.START:
            text = self._start(text)
        if self._state is _State.REASONING:
            reasoning, text = self._reason(text)
        if self._state is _State.BETWEEN:
            text = text.lstrip()
            if text:
                self._answer()
        return reasoning, text

    def finish(self) -> tuple[str, str]:
        """Return the text that was held back when the answer ended, as reasoning and content."""
        held, self._held = self._held, ""
        return (held, "") if self._state is _State.REASONING else ("", held)

    def _start(self, text: str) -> str:
        visible = text.lstrip()
        # Nearly every answer begins with a letter.
        if visible[:1] in _LETTERS or len(text) - len(visible) > _MAX_BLANKS:
            self._answer()
            return text
        beginning = visible[:_LONGEST].lower()
        for opening, closing in _CLOSING.items():
            if beginning.startswith(opening):
                self._state, self._closing = _State.REASONING, closing
                return visible[len(opening) :]
        if any(opening.startswith(beginning) for opening in _CLOSING):
            self._held = text
            return ""
        self._answer()
        return text

    def _reason(self, text: str) -> tuple[str, str]:
        position = _find(text, self._closing)
        if position >= 0:
            self._state = _State.BETWEEN
            return text[:position], text[position + len(self._closing) :]
        kept = _beginning_of(self._closing, text)
        self._held = text[len(text) - kept :]
        return text[: len(text) - kept], ""

    def _answer(self) -> None:
        self._state, self.done = _State.ANSWER, True


def _find(text: str, tag: str) -> int:
    match = re.search(re.escape(tag), text, re.IGNORECASE)
    return match.start() if match else -1


def _beginning_of(tag: str, text: str) -> int:
    """Return how many characters at the end of a text may be the beginning of the tag."""
    end = text[-len(tag) + 1 :].lower()
    return next((size for size in range(min(len(end), len(tag) - 1), 0, -1) if tag.startswith(end[-size:])), 0)


def split_orphan(answer: str) -> tuple[str, str]:
    """Split a whole answer at a closing tag whose opening tag the chat template has written.

    Such an answer begins with reasoning, which shows only when the closing tag arrives. A tag that is quoted, or that
    follows an opening tag, is part of the answer.

    Returns:
        the reasoning, `""` if there is no such tag, and the answer.
    """
    tag = _ORPHAN.search(answer)
    if tag is None or _OPENING.search(answer, 0, tag.start()):
        return "", answer
    before, after = answer[: tag.start()], answer[tag.end() :]
    if before.endswith(_QUOTES) or after.startswith(_QUOTES):
        return "", answer
    return before, after.lstrip()


_QUOTES = ("`", "'", '"', "“", "”", "«", "»")
