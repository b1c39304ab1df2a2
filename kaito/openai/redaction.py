"""Removes secrets from a server's messages: some servers repeat the key that they reject."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote_plus

from kaito.openai.error_bodies import MAX_MESSAGE
from kaito.settings import Settings
from kaito.types import Endpoint

#: The length from which a header's value is considered a secret.
_MIN_SECRET = 8
#: The most characters of a message that are shown.
_MAX_SHOWN = 600
#: Names of URL parameters that hold a secret.
_SECRET_NAME = re.compile("key|token|secret|sig|code|pass|auth|credential", re.IGNORECASE)


class Redactor:
    """Shortens messages and replaces the secrets that requests to an endpoint contain.

    Args:
        endpoint: its headers and its URL's query may hold secrets.
        settings: its headers and key may.
    """

    def __init__(self, endpoint: Endpoint, settings: Settings) -> None:
        headers = [*endpoint.headers.values(), *(value for _, value in settings.headers)]
        values = [settings.api_key or "", *headers, *_secrets_in(endpoint.url)]
        # A header's value may consist of a scheme and a secret: `Bearer …`.
        parts = {part for value in values for part in (value, *value.split()) if len(part) >= _MIN_SECRET}
        self._secrets = sorted(parts, key=len, reverse=True)

    def __call__(self, message: str) -> str:
        """Return the part of a message that may be shown."""
        if len(message) >= MAX_MESSAGE and self._secrets:
            # The message may have been cut in the middle of a secret, which would not be recognised.
            message = message[: -len(self._secrets[0])]
        for secret in self._secrets:
            message = message.replace(secret, "***")
        return message if len(message) <= _MAX_SHOWN else message[:_MAX_SHOWN] + "…"


def _secrets_in(url: str) -> Iterator[str]:
    """Yield the values of the query parameters that hold secrets, as given and decoded."""
    for part in url.partition("?")[2].split("&"):
        name, _, value = part.partition("=")
        if _SECRET_NAME.search(name):
            yield value
            yield unquote_plus(value)
