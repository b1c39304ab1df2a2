"""Parsers of the further parts of a request: tools, a JSON schema, and any other field.

Each function takes the name to show in errors (a flag or a setting) and returns a parser, which raises `UsageError`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from kaito.errors import ShellHint, UsageError
from kaito.options.flag_values import read_file
from kaito.types import ResponseSchema
from kaito.util.decoding import DecodeError, decode_json

#: `/set` names a field of the request by this prefix and the name of the field.
BODY_PREFIX = "body."
#: The value that removes a schema.
NONE = "none"

#: Fields that are set in another way, with the hint that says how.
_REFUSED = {
    "model": ShellHint("Use --model, or /model in a chat", "Use --model"),
    "messages": "Messages are what you type; --load continues saved ones",
    "stream": ShellHint("Use --no-stream, or '/set stream off' in a chat", "Use --no-stream"),
}


class _Function(Struct):
    name: Annotated[str, Meta(min_length=1)]
    description: str | None = None
    parameters: dict[str, Any] | None = None


class _Tool(Struct):
    """A tool in the format of OpenAI's API. Other fields are sent as well."""

    type: Literal["function"]
    function: _Function


def tools(name: str) -> Callable[[str], tuple[Mapping[str, Any], ...]]:
    """Return a parser of the file that describes tools."""

    def parse(file: str) -> tuple[Mapping[str, Any], ...]:
        text = read_file(name, file)
        try:
            decode_json(text, list[_Tool])
            described: tuple[Mapping[str, Any], ...] = decode_json(text, tuple[dict[str, Any], ...])
        except DecodeError as exc:
            wanted = 'Expected a JSON list such as [{"type": "function", "function": {"name": "add", "parameters": …}}]'
            raise UsageError(f"{name}: '{file}': {exc}", wanted) from None
        if not described:
            raise UsageError(f"{name}: '{file}' has no tools")
        return described

    return parse


def schema(name: str) -> Callable[[str], ResponseSchema | None]:
    """Return a parser of the file with a JSON schema. The word `none` removes the schema."""

    def parse(file: str) -> ResponseSchema | None:
        if file == NONE:
            return None
        from kaito.util.json_schema import MissingPackageError, schema_fault

        try:
            value = decode_json(read_file(name, file), dict[str, Any])
            fault = schema_fault(value)
        except DecodeError as exc:
            raise UsageError(f"{name}: '{file}' is not a JSON schema: {exc}") from None
        except MissingPackageError:
            from kaito.util.installation import install_hint

            raise UsageError(
                f"{name}: needs the package 'jsonschema', which is not installed", install_hint("kaito", extra="schema")
            ) from None
        if fault is not None:
            raise UsageError(f"{name}: '{file}' is not a JSON schema: {fault.path}: {fault.reason[:_MAX_SHOWN]}")
        title = value.get("title")
        label = re.sub("[^A-Za-z0-9_-]+", "_", title if isinstance(title, str) and title else Path(file).stem)
        return ResponseSchema(name=label[:_LONGEST_NAME] or "answer", schema=value, file=file)

    return parse


#: The most characters of a fault that are shown.
_MAX_SHOWN = 300
#: The most characters of a schema's name that OpenAI's API accepts.
_LONGEST_NAME = 64


def body(name: str) -> Callable[[str], Mapping[str, Any]]:
    """Return a parser of fields of the request: a JSON object, or `@FILE` with one."""

    def parse(value: str) -> Mapping[str, Any]:
        text = read_file(name, value[1:]) if value.startswith("@") else value
        try:
            fields = decode_json(text, dict[str, Any])
        except DecodeError as exc:
            source = f"'{value[1:]}': " if value.startswith("@") else ""
            raise UsageError(
                f"{name}: {source}{exc}", 'Expected a JSON object such as {"top_a": 0.2}, or @FILE with one'
            ) from None
        for field in fields:
            check_field(name, field)
        return fields

    return parse


def field_value(name: str) -> Callable[[str], Any]:
    """Return a parser of the JSON of one field."""

    def parse(value: str) -> Any:
        try:
            return decode_json(value, object)
        except DecodeError:
            hint = f"Text is JSON in quotes: {msgspec.json.encode(value).decode()}" if value.isprintable() else ""
            raise UsageError(f"{name}: '{value}' is not JSON", *([hint] if hint else [])) from None

    return parse


def check_field(name: str, field: str) -> None:
    """Refuse a field that cannot be set.

    Raises:
        UsageError: the field is set in another way, or has no valid name.
    """
    if field in _REFUSED:
        raise UsageError(f"{name}: '{field}' cannot be set here", _REFUSED[field])
    if not field or not field.isprintable() or " " in field:
        raise UsageError(f"{name}: a field needs a name without blanks")
