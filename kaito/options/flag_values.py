"""Parsers of values that only flags take. Errors name the flag, the value and what is allowed."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from kaito.errors import UsageError
from kaito.options.parsers import refused
from kaito.util.object_names import LABEL_RULE, WORKSPACE_RULE, is_label, is_workspace
from kaito.util.user_files import check_readable, named_path, read_bytes

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NUMBER = r"([0-9]+(?:\.[0-9]+)?)"
_DURATION = re.compile(rf"(?:{_NUMBER}h)?(?:{_NUMBER}m)?(?:{_NUMBER}s)?(?:{_NUMBER}ms)?")


def duration(flag: str) -> Callable[[str], float]:
    """Return a parser of durations from 1 ms to 24 h, in seconds: `10`, `10s`, `1m30s`, `500ms`."""
    return _duration(flag, least=0.001)


def duration_or_zero(flag: str) -> Callable[[str], float]:
    """Return a parser of durations that also takes 0; see :func:`duration`."""
    return _duration(flag, least=0)


def _duration(flag: str, *, least: float) -> Callable[[str], float]:
    def parse(value: str) -> float:
        if re.fullmatch(_NUMBER, value):
            seconds = float(value)
        elif value and (match := _DURATION.fullmatch(value)):
            hours, minutes, whole, milli = (float(part or 0) for part in match.groups())
            seconds = hours * 3600 + minutes * 60 + whole + milli / 1000
        else:
            seconds = -1.0
        if not least <= seconds <= 86400:
            raise refused(flag, value, f"a duration from {'1ms' if least else '0'} to 24h, such as 10s or 1m30s")
        return seconds

    return parse


def port(flag: str) -> Callable[[str], int]:
    """Return a parser of local ports."""

    def parse(value: str) -> int:
        if not re.fullmatch("[0-9]{1,5}", value) or int(value) > 65535:
            raise refused(flag, value, "a port from 0 to 65535")
        return int(value)

    return parse


def address(flag: str) -> Callable[[str], str]:
    """Return a parser of local addresses."""

    def parse(value: str) -> str:
        if value == "localhost":
            return "127.0.0.1"
        try:
            return str(ipaddress.ip_address(value))
        except ValueError:
            raise refused(flag, value, "an IP address of this machine, such as 127.0.0.1 or 0.0.0.0") from None

    return parse


def namespace(flag: str) -> Callable[[str], str]:
    """Return a parser of namespaces."""

    def parse(value: str) -> str:
        if not is_label(value):
            raise refused(flag, value, f"a name of {LABEL_RULE}")
        return value

    return parse


def workspace(flag: str) -> Callable[[str], str]:
    """Return a parser of a workspace's name, also as `workspace/NAME`, or `inferenceset/NAME`."""

    def parse(value: str) -> str:
        if not is_workspace(value):
            raise refused(flag, value, WORKSPACE_RULE)
        return value

    return parse


def url(flag: str) -> Callable[[str], str]:
    """Return a parser of http and https URLs."""

    def parse(value: str) -> str:
        if "@" in value.partition("?")[0]:
            # Checked first: no other message may show the password.
            raise UsageError(
                f"{flag}: a URL on the command line must not hold a password",
                "Use KAITO_API_KEY, --api-key-file or --header @FILE",
            )
        if not _URL.fullmatch(value) or not _is_url(value):
            # The query, or the fragment, may hold a key.
            shown = re.sub("([?#]).+", r"\1…", value, count=1, flags=re.DOTALL)
            raise refused(flag, shown, "an http:// or https:// URL such as http://localhost:8080")
        return value

    return parse


# Scheme, host or bracketed address, port; then no character that could end the request line.
_URL = re.compile(
    r"https?://(\[[0-9A-Fa-f:.]+\]|[^\s/?#:\[\]]+)(:[0-9]{1,5})?([/?][^\s#\x00-\x20\x7f]*)?", re.IGNORECASE
)
_HOST_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?", re.IGNORECASE)


def _is_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
        host = parts.hostname or ""
        if parts.netloc.startswith("["):
            ipaddress.IPv6Address(host)
            return parts.port != 0
        ascii_host = host if host.isascii() else host.encode("idna").decode()
        if "xn--" in ascii_host:
            ascii_host.encode().decode("idna")
        labels = ascii_host.removesuffix(".").split(".")
        return parts.port != 0 and all(_HOST_LABEL.fullmatch(label) and len(label) <= 63 for label in labels)
    except ValueError:
        return False


# The client sets these itself: they delimit the message and control the connection.
_FRAMING = frozenset(
    {"connection", "content-length", "expect", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
)


def header(flag: str) -> Callable[[str], list[tuple[str, str]]]:
    """Return a parser of `Name: value`, or `@FILE` with one header per line."""

    def parse(value: str) -> list[tuple[str, str]]:
        if value.startswith("@"):
            return [_header(flag, line) for line in read_file(flag, value[1:]).splitlines() if line.strip()]
        return [_header(flag, value)]

    return parse


def _header(flag: str, line: str) -> tuple[str, str]:
    name, colon, content = line.partition(":")
    content = content.strip()
    if not colon or not _TOKEN.fullmatch(name) or not _is_header_value(content):
        # Not shown: the value may be a secret.
        raise UsageError(f"{flag}: is not 'Name: value' in printable characters, or @FILE with such lines")
    if name.lower() in _FRAMING:
        raise UsageError(f"{flag}: '{name}' cannot be set: the connection sets it")
    return name, content


def api_key(content: str, origin: str) -> str:
    """Return an API key without the blanks around it. Errors never show it."""
    key = content.strip()
    if not key or not _is_header_value(key) or not key.isascii():
        raise UsageError(f"{origin}: does not hold an API key: expected one line of printable ASCII characters")
    return key


def _is_header_value(value: str) -> bool:
    return all(character == "\t" or " " <= character <= "~" or character >= "\xa0" for character in value)


#: The most bytes that a file named by a flag may have.
_LONGEST_FILE = 1024 * 1024


def read_file(flag: str, name: str) -> str:
    """Return the text of the file that a flag names."""
    try:
        return read_bytes(_path(flag, name), _LONGEST_FILE).decode()
    except OSError as exc:
        raise UsageError(f"{flag}: cannot read '{name}': {exc.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{flag}: '{name}' is not UTF-8 text") from None


def existing_file(flag: str) -> Callable[[str], str]:
    """Return a parser of paths of readable files, which expands `~`."""

    def parse(value: str) -> str:
        try:
            path = _path(flag, value)
            check_readable(path)
        except OSError as exc:
            raise UsageError(f"{flag}: cannot read '{value}': {exc.strerror}") from None
        return str(path)

    return parse


def _path(flag: str, name: str) -> Path:
    if not name:
        raise UsageError(f"{flag}: needs a file name")
    return named_path(name)


def text(flag: str) -> Callable[[str], str]:
    """Return a parser of text for the model."""

    def parse(value: str) -> str:
        # A locale without UTF-8 passes the bytes on undecoded.
        try:
            return value.encode("utf-8", "surrogateescape").decode()
        except UnicodeError:
            raise UsageError(f"{flag}: the text is not UTF-8") from None

    return parse
