"""Reads the bodies of errors: the message and the fields about it, in any of the forms that servers use.

OpenAI and vLLM send `{"error": {"message": …}}`, older vLLM `{"object": "error", "message": …}`, FastAPI
`{"detail": …}`, Kubernetes `{"kind": "Status", "message": …}`, others `{"error": "…"}`, and gateways the JSON of the
server behind them as a string.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from kaito.util import limits
from kaito.util.decoding import DecodeError, decode_json
from kaito.util.sanitize import one_line

#: The most characters of a message that are kept.
MAX_MESSAGE = 4096

#: The most objects that may be nested around a message.
_MAX_DEPTH = 8
#: The most messages of a list that are joined.
_MAX_ITEMS = 8


class ErrorBody(Struct, frozen=True, kw_only=True):
    """The content of an error's body."""

    #: On one line, without control sequences; `""` if there is none.
    message: str = ""
    #: Whether the body is JSON.
    structured: bool = False
    code: str = ""
    status: str = ""
    type: str = ""
    #: The name of the field that is refused.
    param: str = ""
    #: llama.cpp's numbers: the tokens of the window, and those of the prompt.
    n_ctx: int | None = None
    n_prompt_tokens: int | None = None


def parse_error_body(body: bytes, content_type: str = "") -> ErrorBody:
    """Parse the body of an error, or the part of it that was read."""
    text = body[: limits.ERROR_BODY].decode("utf-8", "replace").removeprefix("\ufeff")
    value, reason = _json(text)
    if value is None:
        # The parser of web pages takes time to import, and most runs need none.
        from kaito.openai.pages import is_page, page_title

        if is_page(content_type, text):
            return ErrorBody(message=page_title(text) or "a web page")
        # Even if it is cut or malformed, JSON comes from an API and not from a proxy's page.
        message = f"JSON, but {reason}" if "deep" in reason else _shortened(text)
        return ErrorBody(message=message, structured=text.lstrip()[:1] in ("{", "["))
    fields = _innermost(value)
    return ErrorBody(
        message=error_message(value) or ("" if isinstance(value, Mapping | list) else _shortened(text)),
        structured=isinstance(value, Mapping | list),
        code=_word(fields.get("code")),
        status=_word(fields.get("status")) or _word(fields.get("status_code")),
        type=_word(fields.get("type")),
        param=_word(fields.get("param")),
        n_ctx=_count(fields.get("n_ctx")),
        n_prompt_tokens=_count(fields.get("n_prompt_tokens")),
    )


def error_message(value: Any, depth: int = 0) -> str:
    """Return the message of an error in any form; `""` if there is none."""
    if isinstance(value, str):
        inner = _json(value)[0] if depth < _MAX_DEPTH and value.lstrip()[:1] in ("{", "[") else None
        return (error_message(inner, depth + 1) if inner is not None else "") or _shortened(value)
    if depth > _MAX_DEPTH:
        return ""
    if isinstance(value, Mapping):
        return _of_object(value, depth)
    if isinstance(value, list):
        return _joined(error_message(item, depth + 1) for item in value[:_MAX_ITEMS])
    return ""


def describe(body: bytes, content_type: str) -> str:
    """Describe a body that should have been an answer, for a message. The result may be long."""
    text = body.decode("utf-8", "replace").removeprefix("\ufeff")
    if not text.strip():
        return "nothing"
    from kaito.openai.pages import is_page, page_title

    if is_page(content_type, text):
        title = page_title(text)
        return f"the web page '{title}'" if title else "a web page"
    if text.count("\ufffd") > len(text) // 20 or "\0" in text:
        return f"binary data ({one_line(content_type) or 'of no content type'})"
    return f"'{error_message(_json(text)[0]) or _shortened(text)}'"


def _of_object(value: Mapping[str, Any], depth: int) -> str:
    # FastAPI's validation errors name the field separately from the message.
    if isinstance(message := value.get("msg"), str):
        return _joined((_field(value.get("loc")), _shortened(message)), ": ")
    error, message = (error_message(value.get(key), depth + 1) for key in ("error", "message"))
    if message and isinstance(value.get("error"), str) and message != error:
        message = _joined((error, message), ": ")  # Spring's `error` is the name of the status
    message = error or message if not isinstance(value.get("error"), str) else message or error
    if not message:
        keys = ("detail", "errors", "reason", "error_message")
        message = next((text for key in keys if (text := error_message(value.get(key), depth + 1))), "")
    # OpenRouter has the message of the server behind it in the metadata.
    metadata = value.get("metadata")
    raw = error_message(metadata.get("raw"), depth + 1) if isinstance(metadata, Mapping) else ""
    return _joined((message, raw), ": ")


def _innermost(value: Any) -> Mapping[str, Any]:
    """Return the object that has the fields of an error."""
    for _ in range(_MAX_DEPTH):
        if isinstance(value, list) and value:
            value = value[0]
        if isinstance(value, str) and value.lstrip()[:1] == "{":
            value = _json(value)[0]
        if not isinstance(value, Mapping):
            break
        inner = next((value[key] for key in ("error", "detail", "message") if _is_object(value.get(key))), None)
        if inner is None:
            return value
        value = inner
    return {}


def _is_object(value: Any) -> bool:
    if isinstance(value, str):
        return value.lstrip()[:1] == "{" and isinstance(_json(value)[0], Mapping)
    return isinstance(value, Mapping) or (isinstance(value, list) and bool(value) and isinstance(value[0], Mapping))


def _field(path: Any) -> str:
    """Return the name of a field from FastAPI's `loc`, such as `["body", "messages", 0, "content"]`."""
    parts = path if isinstance(path, list) else []
    shown = [str(part) for part in parts[:_MAX_DEPTH] if isinstance(part, str | int) and part != "body"]
    return _shortened(".".join(shown))


def _joined(parts: Iterable[str], separator: str = "; ") -> str:
    return separator.join(part for part in parts if part)[:MAX_MESSAGE]


def _shortened(text: str) -> str:
    return one_line(text)[:MAX_MESSAGE]


def _word(value: Any) -> str:
    return one_line(str(value))[: limits.SHOWN_NAME] if isinstance(value, str | int) else ""


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and 0 < value <= limits.TOKEN_COUNT else None


def _json(text: str) -> tuple[Any, str]:
    """Return the decoded JSON, or `None` and the reason why it cannot be decoded."""
    try:
        return decode_json(text, Any), ""
    except DecodeError as exc:
        return None, exc.reason
