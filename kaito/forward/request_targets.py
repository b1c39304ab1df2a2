"""Decides which request targets may be forwarded: none that a later server could read as a different path."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote, urlsplit

from msgspec import Struct

#: How many times a path is decoded; clients encode a path once. Each pass takes linear time.
_MOST_DECODINGS = 5

# RFC 3986 allows no other characters, and a fragment is never sent.
_PRINTABLE = re.compile(r"[!-~]+")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_OLD_ESCAPE = re.compile(r"%u[0-9a-f]{4}", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Target(Struct, frozen=True):
    """A request's target that may be forwarded."""

    #: Path and query, as they were sent.
    path: str
    #: The host and port; `None` if the target is only a path.
    authority: str | None = None


def safe_target(raw: str) -> Target | None:
    """Return the target of a request line; `None` if it must not be forwarded.

    A dot segment could lead out of the endpoint's path to another path of the same server, which may be the API server.
    The path is checked as any server on the way may read it: decoded once or several times, with backslashes, with
    parameters after `;`, and with the characters that Unicode normalizes to dots and slashes.
    """
    if not _PRINTABLE.fullmatch(raw) or "#" in raw or _BAD_ESCAPE.search(raw):
        return None
    authority = None
    if not raw.startswith("/"):
        try:
            parts = urlsplit(raw)
        except ValueError:
            return None
        if parts.scheme not in ("http", "https"):
            return None
        authority = parts.netloc
        raw = parts._replace(scheme="", netloc="").geturl() or "/"
    path, _, query = raw.partition("?")
    if not path.startswith("/") or path.startswith("//"):
        return None
    decoded = _decoded(path)
    if decoded is None or _has_dot_segment(decoded) or _has_null(query):
        return None
    return Target(raw, authority)


def _decoded(text: str) -> str | None:
    """Decode a text until nothing is left to decode; return `None` if it is not text, or is encoded too often."""
    for _ in range(_MOST_DECODINGS):
        if "%" not in text:
            return text
        try:
            decoded = unquote(text, errors="strict")
        except UnicodeDecodeError:
            return None
        if _CONTROL.search(decoded) or _OLD_ESCAPE.search(decoded):
            return None
        if decoded == text:
            return text
        text = decoded
    return None


def _has_dot_segment(path: str) -> bool:
    path = unicodedata.normalize("NFKC", path).replace("\\", "/").replace("\u2215", "/").replace("\u2044", "/")
    if path.startswith("//"):
        return True
    return any(segment.partition(";")[0].strip() in (".", "..") for segment in path.split("/"))


def _has_null(query: str) -> bool:
    for _ in range(_MOST_DECODINGS):
        query, before = unquote(query), query
        if "\0" in query:
            return True
        if query == before:
            break
    return False
