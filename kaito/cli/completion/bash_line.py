"""Parses a command line of bash, and quotes the completions that readline inserts into it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from kaito.cli.completion.suggestions import Suggestion
from kaito.console.width import pad, shorten, width

_BLANKS = " \t\n"
#: Characters that a backslash quotes between double quotes.
_QUOTED_IN_DOUBLE_QUOTES = '"\\$`\n'
#: Characters that need quoting outside of quotes.
_UNSAFE = re.compile(r"([^\w@%+=:,./-])", re.ASCII)
#: Word breaks that belong to the word after them: `rl_special_prefixes`.
_SPECIAL_PREFIXES = "$@"
#: `COMP_TYPE` of menu-complete and insert-completions, which insert the reply and so take no descriptions.
_INSERTING = ("37", "42")
#: Fewer columns than this are not enough for a description.
_MIN_DESCRIPTION_WIDTH = 8


class BashLine:
    """A line up to the cursor.

    Readline replaces only the part of the word after the last word break, or after an open quote. A reply must be that
    part, quoted as the line requires.

    Args:
        word_breaks: the characters of `COMP_WORDBREAKS`.

    Attributes:
        words: the words without quotes; the last one is completed, and may be empty.
    """

    def __init__(self, text: str, word_breaks: str) -> None:
        self.words: list[str] = []
        word, in_word, quote = "", False, ""
        # How many characters of the word readline keeps, and how many it kept before a quote was opened.
        kept = kept_outside = 0
        characters = iter(text)
        for character in characters:
            if character == "\\" and quote != "'":
                following = next(characters, "")
                word += following if not quote or following in _QUOTED_IN_DOUBLE_QUOTES else f"\\{following}"
                in_word = True
            elif character == quote:
                quote, kept = "", kept_outside
            elif quote:
                word += character
            elif character in "'\"":
                quote, in_word, kept_outside, kept = character, True, kept, len(word)
            elif character in _BLANKS:
                if in_word:
                    self.words.append(word)
                word, in_word, kept = "", False, 0
            else:
                word += character
                in_word = True
                if character in word_breaks:
                    kept = len(word) - (character in _SPECIAL_PREFIXES)
        self.words.append(word)
        self._quote = quote
        self._kept = kept

    def replies(self, suggestions: Sequence[Suggestion], comp_type: str, columns: int) -> list[str]:
        """Return the values of `COMPREPLY`.

        Args:
            suggestions: for the last word, or for the value in `--flag=value`.
            comp_type: `COMP_TYPE`.
        """
        current = self.words[-1]
        flag = current[: current.index("=") + 1] if current.startswith("-") and "=" in current else ""
        words = [one.word if one.word.startswith(current) else flag + one.word for one in suggestions]
        replies = [self._quoted(word[self._kept :]) for word in words]
        if len(replies) < 2 or comp_type in _INSERTING:
            return replies
        longest = max(map(width, replies))
        return [
            _with_description(reply, one.description, longest, columns)
            for reply, one in zip(replies, suggestions, strict=True)
        ]

    def _quoted(self, text: str) -> str:
        if self._quote == "'":
            return text.replace("'", "'\\''")
        if self._quote == '"':
            return re.sub(r'(["\\$`])', r"\\\1", text)
        return _UNSAFE.sub(r"\\\1", text)


def _with_description(reply: str, description: str, longest: int, columns: int) -> str:
    room = columns - longest - len("  ()") - 1
    if not description or room < _MIN_DESCRIPTION_WIDTH:
        return reply
    return f"{pad(reply, longest)}  ({shorten(description, room)})"
