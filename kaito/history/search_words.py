"""Turns a search into conditions. It consists of words only: there is no query syntax. No I/O."""

from __future__ import annotations

import re

from msgspec import Struct

#: The most words that are searched for; further ones are ignored.
MOST_WORDS = 32
#: The most characters of one word.
_LONGEST = 200

#: The letters that FTS5's tokenizer puts into words, roughly.
_TOKENS = re.compile(r"[^\W_]+")
#: Scripts without blanks between words: the tokenizer takes a whole sentence for one word. Ranges, as a regular
#: expression with them takes long to compile.
_UNSPACED = (
    *((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3040, 0x30FF)),
    *((0x3400, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF)),
)


class SearchWord(Struct, frozen=True):
    """One word of a search, as a query of the index and as patterns of `LIKE`."""

    text: str
    #: The query of the index; `""` when the index cannot find the word.
    query: str
    #: The pattern of `LIKE`, with `\\` as escape; `""` when the index finds exactly the word.
    pattern: str
    #: The pattern for an SQLite without the index.
    fallback: str


def search_words(words: str) -> list[SearchWord]:
    """Return the words of a search, all of which a conversation must contain. A word also finds longer ones.

    Args:
        words: whatever the user typed, quotes and operators included: they have no meaning.
    """
    plain = words.replace("\0", " ").encode("utf-8", "replace").decode()
    return [_word(word[:_LONGEST]) for word in dict.fromkeys(plain.split())][:MOST_WORDS]


def _word(word: str) -> SearchWord:
    pattern = "%" + re.sub(r"([\\%_])", r"\\\1", word) + "%"
    tokens = _TOKENS.findall(word)
    if not tokens or any(low <= ord(letter) <= high for letter in word for low, high in _UNSPACED):
        return SearchWord(word, "", pattern, pattern)
    # A phrase: `well-known` is two tokens in a row. The last one may be the beginning of a longer word.
    query = '"' + " ".join(tokens) + '"*'
    return SearchWord(word, query, "" if tokens == [word] else pattern, pattern)
