"""Checks what backends return."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import UnionType
from typing import Any

from kaito.types import Candidate, Endpoint, Location

#: The types of the fields that would fail outside of the backend's code if they were wrong.
_CANDIDATE_FIELDS: Mapping[str, type | UnionType] = {"url": str, "rank": int | None}
_ENDPOINT_FIELDS: Mapping[str, type | UnionType] = {
    "url": str,
    "shown_url": str,
    "label": str,
    "location": Location,
    "model": str | None,
    "preset": str | None,
    "headers": Mapping,
    "server_hostname": str | None,
}


def checked_candidates(found: Any, backend: str) -> list[Candidate]:
    """Return what a backend discovered.

    Raises:
        TypeError: it is not a list of the backend's candidates, or a field has the wrong type.
    """
    if isinstance(found, str) or not isinstance(found, Iterable):
        raise TypeError(f"discover must return a list of Candidates, not {type(found).__name__}")
    candidates = list(found)
    for candidate in candidates:
        if not isinstance(candidate, Candidate) or candidate.backend != backend:
            raise TypeError(f"{candidate!r} is not a Candidate of backend {backend}")
        _check_fields(candidate, _CANDIDATE_FIELDS)
    return candidates


def check_endpoint(endpoint: object) -> None:
    """Check an endpoint.

    Raises:
        TypeError: it is something else, or a field has the wrong type.
        ValueError: its URL is not one of HTTP.
    """
    if not isinstance(endpoint, Endpoint):
        raise TypeError(f"{endpoint!r} is not an Endpoint")
    _check_fields(endpoint, _ENDPOINT_FIELDS)
    if not endpoint.url.startswith(("http://", "https://")):
        raise ValueError(f"'{endpoint.base}' is not an http:// or https:// URL")


def _check_fields(value: Candidate | Endpoint, types: Mapping[str, type | UnionType]) -> None:
    for name, expected in types.items():
        field = getattr(value, name)
        if not isinstance(field, expected):
            shown = expected.__name__ if isinstance(expected, type) else expected
            raise TypeError(f"{type(value).__name__}.{name} must be {shown}, not {type(field).__name__}")
