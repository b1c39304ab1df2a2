"""Parses error responses: what kind of error it is, the server's message, and the numbers in it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from enum import Enum, auto
from typing import Any

from msgspec import Struct

from kaito.util.sanitize import one_line

#: Bytes of an error response's body that are read.
MAX_BODY = 64 * 1024
#: Characters of its message that are kept.
MAX_MESSAGE = 4096

_NO_MESSAGE = "no reason given"


class ErrorKind(Enum):
    """What an error response is about."""

    CONTEXT_WINDOW = auto()
    #: `stream_options` is not supported.
    STREAM_OPTIONS = auto()
    UNKNOWN_MODEL = auto()
    #: The path is not served.
    NO_ROUTE = auto()
    UNAUTHORIZED = auto()
    PROXY_UNAUTHORIZED = auto()
    FORBIDDEN = auto()
    BUSY = auto()
    REDIRECT = auto()
    #: Something else than a model's server answers.
    NOT_JSON = auto()
    OTHER = auto()


class ErrorResponse(Struct, frozen=True, kw_only=True):
    """A response that is not an answer."""

    status: int
    kind: ErrorKind
    #: The server's message on one line, without control sequences. It may be long.
    message: str
    #: Seconds that the server asks to wait.
    retry_after: float | None = None
    #: For `CONTEXT_WINDOW`: tokens of the prompt.
    prompt_tokens: int | None = None
    #: Whether `prompt_tokens` is a count rather than a lower bound.
    exact: bool = True
    #: For `CONTEXT_WINDOW`: tokens of the window.
    window: int | None = None


def parse_error_response(status: int, headers: Mapping[str, str], body: bytes) -> ErrorResponse:
    """Parse a response whose status is not 200, or that is a web page where an answer should be.

    Args:
        body: its first bytes.
    """
    text = body.decode("utf-8", "replace")
    parsed = _json(text)
    if parsed is None and _is_page(headers.get("Content-Type", ""), text):
        message = _page_title(text) or "a web page"
    else:
        message = error_message(parsed) or _one_line(text) or _NO_MESSAGE
    retry_after = _retry_after(headers)
    if 300 <= status < 400:
        message = _one_line(headers.get("Location", "nowhere").partition("?")[0])
    window = _window(message, parsed)
    if window is not None and status in (400, 413, 422, 500):
        prompt_tokens, exact, size = window
        return ErrorResponse(
            status=status,
            kind=ErrorKind.CONTEXT_WINDOW,
            message=message,
            prompt_tokens=prompt_tokens,
            exact=exact,
            window=size,
        )
    return ErrorResponse(status=status, kind=_kind(status, parsed, message), message=message, retry_after=retry_after)


def error_message(value: Any) -> str:
    """Return the message of an error object in any of the shapes that servers use, `""` if there is none.

    OpenAI and vLLM send `{"error": {"message": …}}`, older vLLM `{"object": "error", "message": …}`, FastAPI
    `{"detail": …}`, Kubernetes `{"kind": "Status", "message": …}`, others `{"error": "…"}`.
    """
    if isinstance(value, str):
        return _one_line(value)
    if isinstance(value, Mapping):
        for key in ("error", "message", "detail"):
            if message := error_message(value.get(key)):
                return message
    elif isinstance(value, list):
        # FastAPI's validation errors
        parts = [error_message(item.get("msg") if isinstance(item, Mapping) else item) for item in value]
        return _one_line("; ".join(part for part in parts if part))
    return ""


_TRANSIENT = frozenset({429, 502, 503})


def _kind(status: int, parsed: Any, message: str) -> ErrorKind:
    if status in _TRANSIENT:
        return ErrorKind.BUSY
    if 300 <= status < 400:
        return ErrorKind.REDIRECT
    if status == 401:
        return ErrorKind.UNAUTHORIZED
    if status == 407:
        return ErrorKind.PROXY_UNAUTHORIZED
    if status == 403:
        return ErrorKind.FORBIDDEN
    if status == 404 and _names_the_model(parsed, message):
        return ErrorKind.UNKNOWN_MODEL
    if status in (404, 405):
        return ErrorKind.NO_ROUTE
    if status in (400, 422) and re.search(r"stream_options|include_usage", message):
        return ErrorKind.STREAM_OPTIONS
    if parsed is None and status < 500:
        return ErrorKind.NOT_JSON
    return ErrorKind.OTHER


def _names_the_model(parsed: Any, message: str) -> bool:
    error = parsed.get("error", parsed) if isinstance(parsed, Mapping) else None
    if isinstance(error, Mapping) and (error.get("code") == "model_not_found" or error.get("param") == "model"):
        return True
    return bool(re.search(r"\bmodels?\b", message, re.IGNORECASE)) and isinstance(parsed, Mapping)


# Each names its numbers `prompt`, `window` or `least` (a lower bound of the prompt's size). Compiled when first used.
_WINDOW_MESSAGES = (
    # vLLM: "…is too large: 1024. This model's maximum context length is 2048 tokens and your request has 1500 input
    # tokens (1024 > 2048 - 1500)"
    r"maximum context length is (?P<window>\d+) tokens and your request has (?P<prompt>\d+) input tokens",
    # vLLM: "…maximum context length is 2048 tokens. However, you requested 1024 output tokens and your prompt
    # contains at least 1025 input tokens, for a total of at least 2049 tokens"
    r"maximum context length is (?P<window>\d+) tokens\W.*?prompt contains at least (?P<least>\d+) input tokens",
    # vLLM, when nothing is left for a prompt: "…your prompt contains 581 characters (more than 0 characters…"
    r"maximum context length is (?P<window>\d+) tokens\W.*?prompt contains \d+ characters",
    # older vLLM: "However, you requested 2100 tokens (1076 in the messages, 1024 in the completion)"
    r"maximum context length is (?P<window>\d+) tokens\W.*?requested \d+ tokens \((?P<prompt>\d+) in the",
    # vLLM, OpenAI: "However, your messages resulted in 5000 tokens"
    r"maximum context length is (?P<window>\d+) tokens\W.*?(?:resulted in|passed|has|contains) (?P<prompt>\d+)",
    # vLLM: "The decoder prompt (length 2049) is longer than the maximum model length of 2048"
    r"prompt \(length (?P<prompt>\d+)\) is longer than the maximum model length of (?P<window>\d+)",
    # llama.cpp: "request (5031 tokens) exceeds the available context size (1024 tokens), try increasing it"
    r"request \((?P<prompt>\d+) tokens\) exceeds the available context size \((?P<window>\d+) tokens\)",
    # text-generation-inference: "`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 4000 `inputs` tokens"
    r"must be <= (?P<window>\d+)\. Given: (?P<prompt>\d+) `inputs` tokens",
    # without the prompt's size
    r"maximum context length is (?P<window>\d+)",
)


def _window(message: str, parsed: Any) -> tuple[int | None, bool, int | None] | None:
    """Return the prompt's tokens, whether they are exact, and the window; `None` for another kind of error."""
    error = parsed.get("error") if isinstance(parsed, Mapping) else None
    if isinstance(error, Mapping) and isinstance(error.get("n_ctx"), int):  # llama.cpp
        prompt = error.get("n_prompt_tokens")
        return prompt if isinstance(prompt, int) else None, True, error["n_ctx"]
    for pattern in _WINDOW_MESSAGES:
        if match := re.search(pattern, message, re.IGNORECASE):
            numbers = match.groupdict()
            least = numbers.get("least")
            tokens = numbers.get("prompt") or least
            return int(tokens) if tokens else None, least is None, int(numbers["window"])
    code = error.get("code") if isinstance(error, Mapping) else None
    kind = error.get("type") if isinstance(error, Mapping) else None
    if "context_length_exceeded" in (code, kind) or kind == "exceed_context_size_error":
        return None, True, None
    return None


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _is_page(content_type: str, text: str) -> bool:
    return "html" in content_type or text.lstrip()[:9].lower().startswith(("<!doctype", "<html"))


def _page_title(text: str) -> str:
    from html import unescape

    match = re.search(r"<(title|h1)[^>]*>(.*?)</\1", text, re.IGNORECASE | re.DOTALL)
    return _one_line(unescape(re.sub(r"<[^>]*>", "", match[2]))) if match else ""


def _one_line(text: str) -> str:
    return one_line(text)[:MAX_MESSAGE]


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return `Retry-After` (RFC 9110, 10.2.3) in seconds. A date is compared with the server's own `Date`."""
    value = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", value):
        return float(value)
    from email.utils import parsedate_to_datetime

    try:
        until = parsedate_to_datetime(value) - parsedate_to_datetime(headers.get("Date", ""))
    except (ValueError, TypeError):
        return None
    return max(0.0, until.total_seconds())
