"""A line as it stands in bash, still with its quotes: its words, and what readline puts in place of the last one."""

from __future__ import annotations

import re
from collections.abc import Sequence

from kaito.cli.completion.suggestions import Suggestion
from kaito.console.width import pad, shorten, width

_BLANKS = " \t\n"
#: What a backslash takes its meaning from between double quotes.
_SPECIAL_IN_QUOTES = '"\\$`\n'
#: What may stand outside of quotes as it is.
_PLAIN = re.compile(r"([^\w@%+=:,./-])", re.ASCII)
#: `COMP_TYPE` when completions are inserted one after the other, or all at once: no place for descriptions.
_INSERTING = ("37", "42")
#: Columns that a description needs to be worth showing.
_NARROW = 8


class BashLine:
    """A line up to the cursor.

    Readline replaces only what stands after the last word break, or after a quote that is still open. A completion has
    to be that part alone, with the quotes that the line needs.

    Args:
        text: the line.
        breaks: the characters of `COMP_WORDBREAKS`.

    Attributes:
        words: the line's words without quotes; the last is what is being typed, and may be empty.
    """

    def __init__(self, text: str, breaks: str) -> None:
        self.words: list[str] = []
        word, begun, quote = "", False, ""
        # Characters of the word that readline keeps, and what they were before a quote was opened.
        kept = kept_outside = 0
        characters = iter(text)
        for character in characters:
            if character == "\\" and quote != "'":
                following = next(characters, "")
                word += following if not quote or following in _SPECIAL_IN_QUOTES else f"\\{following}"
                begun = True
            elif character == quote:
                quote, kept = "", kept_outside
            elif quote:
                word += character
            elif character in "'\"":
                quote, begun, kept_outside, kept = character, True, kept, len(word)
            elif character in _BLANKS:
                if begun:
                    self.words.append(word)
                word, begun, kept = "", False, 0
            else:
                word += character
                begun = True
                if character in breaks:
                    kept = len(word)
        self.words.append(word)
        self._quote = quote
        self._kept = kept

    def replies(self, suggestions: Sequence[Suggestion], comp_type: str, columns: int) -> list[str]:
        """Return what goes into `COMPREPLY`.

        Args:
            suggestions: for the last word, or for the value in it if it is `--flag=value`.
            comp_type: `COMP_TYPE`, which tells what is done with it.
            columns: the terminal's width.
        """
        current = self.words[-1]
        flag = current[: current.index("=") + 1] if current.startswith("-") and "=" in current else ""
        whole = [one.word if one.word.startswith(current) else flag + one.word for one in suggestions]
        replies = [self._quoted(word[self._kept :]) for word in whole]
        if len(replies) < 2 or comp_type in _INSERTING:
            return replies
        longest = max(map(width, replies))
        return [
            _described(reply, one.description, longest, columns)
            for reply, one in zip(replies, suggestions, strict=True)
        ]

    def _quoted(self, text: str) -> str:
        if self._quote == "'":
            return text.replace("'", "'\\''")
        if self._quote == '"':
            return re.sub(r'(["\\$`])', r"\\\1", text)
        return _PLAIN.sub(r"\\\1", text)


def _described(reply: str, description: str, longest: int, columns: int) -> str:
    room = columns - longest - len("  ()") - 1
    if not description or room < _NARROW:
        return reply
    return f"{pad(reply, longest)}  ({shorten(description, room)})"
