"""Decides what a secret is, by the names of flags, variables, keys, headers and parameters, and by the form of values.

The configuration file must not hold secrets, other programs do not get them, and no command to paste contains one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from kaito.util.decoding import DecodeError, decode_json

#: The last word of a name that stands for a secret. In the middle they do not: `stop_token_ids` is a field of vLLM's.
_WORDS = re.compile(
    "apikey|auth|authorization|bearer|cookies?|credentials?|jwt|passphrase|passwd|passwords?|pwd|secrets?|sig|signature"
    "|token"
)
#: Words before a last `key` that make it a secret.
_KEYS = re.compile("access|api|auth|client|encryption|license|private|secret|session|shared|signing|subscription")
#: Flags that may have any header, or any field of a request.
_HOLDER = re.compile("(^|-)(header|extra-body)$")
#: What begins the value of a header with credentials.
_SCHEME = re.compile(r"(basic|bearer|digest|negotiate|token|aws4-hmac-sha256)\s", re.IGNORECASE)

#: How many characters of a name are looked at, so that a long text takes linear time.
_LONGEST_NAME = 50


def is_secret_name(name: str) -> bool:
    """Return whether a name is one of a secret, in any spelling: `api-key`, `apiKey`, `API_KEY`, `X-Auth-Token`."""
    words = re.findall("[a-z0-9]+", re.sub("(?<=[a-z0-9])(?=[A-Z])", " ", name).lower())
    if not words:
        return False
    return bool(_WORDS.fullmatch(words[-1])) or (words[-1] == "key" and any(map(_KEYS.fullmatch, words)))


def without_secret(text: str) -> str:
    """Return a text for a message: it ends after the name of a secret, whatever stands between that and its value."""
    for sign in re.finditer("[^A-Za-z0-9_-]+", text):
        if is_secret_name(text[max(sign.start() - _LONGEST_NAME, 0) : sign.start()]):
            return f"{text[: sign.start()]}…"
    return text


def may_be_secret(name: str, value: str) -> bool:
    """Return whether a value is a secret or may hold one, by its form or by its name.

    Args:
        name: of the flag or of the environment variable; empty when it is not known.
    """
    if is_secret_name(name) or _HOLDER.search(name.lower().replace("_", "-")):
        return True
    in_url = secret_in_url(value) if "://" in value else None
    return (in_url or secret_header(value) or secret_field(value)) is not None


def secret_header(value: str) -> str | None:
    """Return the name of a header that carries credentials; `None` for another, and for `@FILE`."""
    name, colon, content = value.partition(":")
    if value.startswith("@") or not colon:
        return None
    name = name.strip()
    is_key = name.lower() == "key" or name.lower().endswith("-key")
    return name if is_key or is_secret_name(name) or _SCHEME.match(content.strip()) else None


def secret_in_url(value: str) -> str | None:
    """Return which part of a URL is a secret: `a password`, or the name of a parameter; `None` if there is none."""
    try:
        parts = urlsplit(value)
        if "@" in parts.netloc or (not parts.netloc and "@" in value.partition("?")[0]):
            return "a password"
        # Some logins return a token in the fragment.
        names = [
            name
            for part in (parts.query, parts.fragment)
            for name, _ in parse_qsl(part, keep_blank_values=True, max_num_fields=1000)
        ]
    except ValueError:
        return None
    return next((f"the parameter '{name}'" for name in names if name.lower() == "key" or is_secret_name(name)), None)


def secret_field(value: Any) -> str | None:
    """Return the name of a secret's field in a JSON text or in nested tables; `None` if there is none."""
    if isinstance(value, str):
        try:
            value = decode_json(value, object)
        except DecodeError:
            return None
    return next((name for path in _names(value) if is_secret_name(name := path[-1])), None)


def secret_key(document: Any, known: Collection[str]) -> tuple[str, ...] | None:
    """Return the path of the first key that is named like a secret; `None` if there is none.

    Args:
        known: names that do not stand for secrets, such as those of kaito's own flags.
    """
    # The names of tables are the user's: a profile may have any.
    return next(
        (path for path in _names(document, tables=False) if path[-1] not in known and is_secret_name(path[-1])), None
    )


def _names(value: Any, path: Sequence[str] = (), *, tables: bool = True) -> Iterator[tuple[str, ...]]:
    if isinstance(value, dict):
        for name, each in value.items():
            if tables or not isinstance(each, dict):
                yield (*path, name)
            yield from _names(each, (*path, name), tables=tables)
    elif isinstance(value, list):
        for each in value:
            yield from _names(each, path, tables=tables)
