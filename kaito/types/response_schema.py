"""The JSON schema that answers must match."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct


class ResponseSchema(Struct, frozen=True, kw_only=True):
    """A JSON schema that the server is asked to follow, and that complete answers are checked against."""

    #: The name that is sent with the schema: up to 64 letters, digits, `-` and `_`.
    name: str
    schema: Mapping[str, Any]
    #: The file that it was read from, as the user named it.
    file: str

    def __str__(self) -> str:
        return self.file
