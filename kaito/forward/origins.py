"""Origins: where a request comes from, as a browser or a desktop app states it (RFC 6454, section 7)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Self

from msgspec import Struct

from kaito.errors import UsageError

# Browsers never send user information, a path, or blanks. The pattern matches in linear time.
_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://(\[[0-9a-f:.]+\]|[^\s/?#@:\\\[\],]*)(?::([0-9]{1,5}))?/?", re.IGNORECASE)
_WEB = ("http", "https")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_ANY = "*"


class Origin(Struct, frozen=True):
    """An origin: scheme, host and port. An app's own scheme may have no host."""

    scheme: str
    host: str
    port: int | None

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the origin of a header's value; `None` for `null`, a list, or anything else that is not one."""
        match = _ORIGIN.fullmatch(text)
        if match is None:
            return None
        scheme, host = match[1].lower(), match[2].lower().strip("[]").removesuffix(".")
        if scheme in _WEB and not host:
            return None
        return cls(scheme, host, int(match[3]) if match[3] else _DEFAULT_PORTS.get(scheme))

    @property
    def is_web(self) -> bool:
        """Whether it is the origin of a web page."""
        return self.scheme in _WEB


class AllowedOrigin(Struct, frozen=True):
    """An origin that the user allows. The host `*` means all hosts of an app's scheme."""

    origin: Origin

    def allows(self, origin: Origin) -> bool:
        """Return whether this allows an origin."""
        if self.origin.host == _ANY:
            return origin.scheme == self.origin.scheme
        return origin == self.origin


def allowed_origin(flag: str) -> Callable[[str], AllowedOrigin]:
    """Return a parser of origins to allow: `app://obsidian.md`, or all of an app's scheme, `vscode-webview://`.

    Web pages can only be allowed one by one. `null` cannot be allowed, because a page of any site can send it.
    """

    def parse(value: str) -> AllowedOrigin:
        origin = Origin.parse(value)
        if origin is not None and not origin.is_web and origin.host in ("", _ANY):
            return AllowedOrigin(Origin(origin.scheme, _ANY, None))
        if origin is None or _ANY in origin.host or (origin.port or 0) > 65535:
            raise UsageError(
                f"{flag}: '{value}' is not an origin such as app://obsidian.md or http://192.168.0.2:3000",
                "All origins of a desktop app's scheme: vscode-webview://",
            )
        return AllowedOrigin(origin)

    return parse
