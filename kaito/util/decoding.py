"""Decodes data from outside into types. Every kind of failure becomes one exception, whatever the boundary.

A type declares only the fields that are used. Fields that it does not have are ignored, `null` counts as absent
(except in very large data), and a value of another type is an error with the path of its field.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, AnyStr, TypeVar

import msgspec

from kaito.util import limits

T = TypeVar("T")


class DecodeError(ValueError):
    """Data from outside does not have the form that is expected.

    The message says where and why, and never quotes the data, which may hold secrets.

    Args:
        reason: such as `expected str, got int`.
        field: the path of the field, such as `spec.ports[0].port`; `""` for the whole.
    """

    def __init__(self, reason: str, field: str = "") -> None:
        super().__init__(f"{field}: {reason}" if field else reason)
        self.reason = reason
        self.field = field


def check_values(data: bytes | str) -> None:
    """Refuse JSON that consists of very many tiny values: decoded, each takes many times its bytes.

    Raises:
        DecodeError: it has too many values.
    """
    if len(data) <= limits.JSON_VALUES:
        return
    most = len(data) // limits.BYTES_PER_VALUE + limits.JSON_VALUES
    if isinstance(data, str):
        many = data.count(",") > most and _exceeds(most, data, ",", _STRING)
    else:
        many = data.count(b",") > most and _exceeds(most, data, b",", _STRING_BYTES)
    if many:
        raise DecodeError("it has too many values")


def _exceeds(most: int, data: AnyStr, comma: AnyStr, string: re.Pattern[AnyStr]) -> bool:
    """Return whether there are more commas outside of strings; those of a table in a text count for nothing."""
    count = position = 0
    for match in string.finditer(data):
        count += data.count(comma, position, match.start())
        if count > most:
            return True
        position = match.end()
    return count + data.count(comma, position) > most


#: A string of JSON, or the rest of the data after an open quote.
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_STRING_BYTES = re.compile(_STRING.pattern.encode(), re.DOTALL)


def decode_json(data: bytes | str, type: type[T], *, dense: bool = False) -> T:
    """Decode JSON.

    Args:
        data: of a size that its reader has limited.
        dense: whether it may have any number of values, as its reader bounds them.

    Raises:
        DecodeError: it is not JSON, is nested too deeply, has another type or too many values, or is not UTF-8.
    """
    if not dense:
        check_values(data)
    try:
        try:
            return msgspec.json.decode(data, type=type)
        except msgspec.ValidationError as exc:
            if "`null`" not in str(exc) or len(data) > limits.JSON_WITH_NULLS:
                raise
            return msgspec.convert(_without_nulls(msgspec.json.decode(data)), type)
    except _FAILURES as exc:
        raise (_not_utf_8(exc, data) or decode_error(exc, "JSON")) from None


def _not_utf_8(exc: Exception, data: bytes | str) -> DecodeError | None:
    """Return the error if that is the cause: what msgspec raises for it depends on its version."""
    if isinstance(exc, msgspec.MsgspecError) and isinstance(data, bytes):
        try:
            data.decode()
        except UnicodeDecodeError as error:
            return decode_error(error)
    return None


def decode_expected(data: bytes, type: type[T]) -> T | None:
    """Decode JSON that is as it should be; return `None` for any other, which :func:`decode_json` explains."""
    try:
        return msgspec.json.decode(data, type=type)
    except _FAILURES:
        return None


def array_elements(array: bytes) -> Iterator[bytes]:
    """Yield the elements of a JSON array one at a time, each as JSON, so that only one takes memory.

    Args:
        array: valid JSON.

    Raises:
        DecodeError: it is not an array, is not UTF-8, or an element is nested too deeply.
    """
    try:
        text = array.decode()
        position = _after_blanks(text, 0)
        if not text.startswith("[", position):
            raise DecodeError("expected array")
        position = _after_blanks(text, position + 1)
        decoder = json.JSONDecoder()
        while not text.startswith("]", position):
            _, end = decoder.raw_decode(text, position)
            yield text[position:end].encode("utf-8", "replace")
            position = _after_blanks(text, end)
            if text.startswith(",", position):
                position = _after_blanks(text, position + 1)
    except DecodeError:
        raise
    except (ValueError, RecursionError) as exc:
        raise decode_error(exc, "JSON") from None


def _after_blanks(text: str, position: int) -> int:
    while text[position : position + 1] in _BLANKS:
        position += 1
    return position


#: The blank space of JSON; `""`, the end of a text, is none of them.
_BLANKS = frozenset(" \t\n\r")


def convert(
    value: Any, type: type[T], *, custom: Callable[[type, Any], Any] | None = None, keep_nulls: bool = False
) -> T:
    """Convert data of Python's own types, such as a YAML document.

    Args:
        custom: decodes the fields of other types than msgspec's: its `dec_hook`.
        keep_nulls: whether `None` stays where it is.

    Raises:
        DecodeError: it has another type or is nested too deeply.
    """
    try:
        return msgspec.convert(value if keep_nulls else _without_nulls(value), type, dec_hook=custom)
    except _FAILURES as exc:
        raise decode_error(exc) from None


#: What msgspec raises for data that it cannot decode.
_FAILURES = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def decode_error(exc: Exception, format: str = "data") -> DecodeError:
    """Return the error for an exception of a decoder, with the format's name in it."""
    if isinstance(exc, RecursionError):
        return DecodeError("it is nested too deeply")
    if isinstance(exc, UnicodeDecodeError):
        return DecodeError("it is not UTF-8")
    if not isinstance(exc, msgspec.ValidationError):
        return DecodeError(f"it is not {format}")
    reason, _, path = str(exc).partition(" - at ")
    path = path.strip("`").removeprefix("$").removeprefix(".")
    if missing := re.match("Object missing required field `(.*)`", reason):
        return DecodeError("it is missing", f"{path}.{missing[1]}" if path else missing[1])
    # msgspec quotes values that are not in an enumeration.
    reason = re.sub(r"^Invalid (?:enum )?value .*", "unknown value", reason.replace("`", ""))
    return DecodeError(reason[:1].lower() + reason[1:], path)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(each) for name, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_without_nulls(each) for each in value if each is not None]
    return value
