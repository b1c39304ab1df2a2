"""Addresses: which of them a terminal may open, when they are shown after a link's text, and which words are one."""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Iterator
from urllib.parse import quote, urlsplit

#: Characters of the longest address; terminals refuse longer ones.
_LONGEST = 2000
_OPENED = re.compile("(?:https?://[^/?#]|mailto:.)", re.IGNORECASE)
_SCHEME = re.compile("https?://|mailto:", re.IGNORECASE)
#: All ASCII characters that an address may have.
_KEPT = "%/:=&?~#+!$,;'@()*[]-._"
#: Text that a reader may take for an address.
_ADDRESS = re.compile(r"[^\W_]\.[^\W\d_]{2}|://|@")
# The beginning of a bare address, which ends with the word.
_BARE = re.compile("[A-Za-z]://")
_WEB = re.compile("(?<![A-Za-z0-9])https?://[!#-;=?-_a-~]+")
_SENTENCE = "?!.,:;*_~'\"]}|"
_BARE_BEGUN = len("s:/")
# What follows marks that belong to a bare address, not to the text around it.
_CONTINUES = re.compile("[A-Za-z0-9/?#=&%+-]")


class CurrentWord:
    """The word that a line ends with so far.

    Attributes:
        is_address: whether it contains the beginning of an address.
    """

    __slots__ = ("_last", "is_address")

    def __init__(self) -> None:
        self.end()

    def end(self) -> None:
        """End the word; nothing of the next one is known yet."""
        self._last, self.is_address = "", False

    def add(self, text: str) -> None:
        """Add text that is not empty, and may have blanks."""
        last = "" if text[-1].isspace() else text.split()[-1]
        if len(last) < len(text):
            self.end()
        if not self.is_address:
            word = self._last + last
            self._last, self.is_address = word[-_BARE_BEGUN:], _BARE.search(word) is not None


def continues_address(character: str) -> bool:
    """Return whether a bare address goes on with a character that follows marks in it."""
    return _CONTINUES.match(character) is not None


def opened_address(url: str) -> str:
    """Return the address that a terminal may open, in ASCII without blanks and controls; `""` for none."""
    if not _OPENED.match(url) or len(url) > _LONGEST:
        return ""
    try:
        host = urlsplit(url).netloc
    except ValueError:
        return ""
    address = quote(url, safe=_KEPT)
    # Letters of other scripts may look like Latin ones.
    return address if host.isascii() and len(address) <= _LONGEST else ""


def misleads(text: str, url: str) -> bool:
    """Return whether the text of a link looks like an address, and not like the one that it opens."""
    # Browsers accept other dots in place of the ASCII dot, and they look the same.
    text = unicodedata.normalize("NFKC", text).replace("\u3002", ".")
    if not _ADDRESS.search(text):
        return False
    named, target = (_SCHEME.sub("", each.strip(), count=1).rstrip("/") for each in (text, url))
    return not (target == named or (target.startswith(named) and target[len(named)] in "/?#"))


def bare_addresses(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield start, end and address of the bare addresses in a text that may be opened.

    As on GitHub, punctuation at the end belongs to the sentence. An address that other letters follow is left out: it
    may go on with them.
    """
    for found in _WEB.finditer(text):
        end = found.end()
        if end < len(text) and text[end].isalnum():
            continue
        url = found[0].rstrip(_SENTENCE)
        while url.endswith(")") and url.count(")") > url.count("("):
            url = url[:-1].rstrip(_SENTENCE)
        if address := opened_address(url):
            yield found.start(), found.start() + len(url), address


def linked(text: str, address: str) -> str:
    """Return a text as a link of the terminal (OSC 8). Its parts in several rows belong together."""
    return f"\x1b]8;id={zlib.crc32(address.encode()):x};{address}\x1b\\{text}\x1b]8;;\x1b\\"
