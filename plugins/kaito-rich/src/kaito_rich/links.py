"""The addresses of links: which of them a terminal may open, and when they are shown after the text."""

from __future__ import annotations

import re
import unicodedata
import zlib
from urllib.parse import quote, urlsplit

#: Characters of the longest address; terminals refuse longer ones.
_LONGEST = 2000
_OPENED = re.compile("(?:https?://[^/?#]|mailto:.)", re.IGNORECASE)
_SCHEME = re.compile("https?://|mailto:", re.IGNORECASE)
#: All ASCII characters that an address may have.
_KEPT = "%/:=&?~#+!$,;'@()*[]-._"
#: Text that a reader may take for an address.
_ADDRESS = re.compile(r"[^\W_]\.[^\W\d_]{2}|://|@")


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


def linked(text: str, address: str) -> str:
    """Return a text as a link of the terminal (OSC 8). Its parts in several rows belong together."""
    return f"\x1b]8;id={zlib.crc32(address.encode()):x};{address}\x1b\\{text}\x1b]8;;\x1b\\"
