"""Parses error responses: what kind of error it is, the server's message, and the numbers in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum, auto
from urllib.parse import urljoin, urlsplit, urlunsplit

from msgspec import Struct

from kaito.net.retries import parse_retry_after
from kaito.openai.error_bodies import ErrorBody, parse_error_body
from kaito.util.sanitize import one_line

_NO_MESSAGE = "no reason given"
#: Statuses with which servers refuse a request that does not fit the window.
REFUSED = (400, 413, 422, 500)


class ErrorKind(Enum):
    """The kinds of error responses."""

    CONTEXT_WINDOW = auto()
    #: The answer may not have as many tokens as requested.
    ANSWER_LIMIT = auto()
    #: `stream_options` is not supported.
    STREAM_OPTIONS = auto()
    UNKNOWN_MODEL = auto()
    #: The server does not have this path.
    NO_ROUTE = auto()
    UNAUTHORIZED = auto()
    PROXY_UNAUTHORIZED = auto()
    FORBIDDEN = auto()
    BUSY = auto()
    REDIRECT = auto()
    #: The request has too many bytes.
    TOO_LARGE = auto()
    #: The response does not come from a model's server.
    NOT_JSON = auto()
    OTHER = auto()


class ErrorResponse(Struct, frozen=True, kw_only=True):
    """A response that is not an answer, or an error within an answer."""

    #: The HTTP status; for an error within an answer, the code in the error, or 0.
    status: int
    kind: ErrorKind
    #: The server's message on one line, without control sequences. It may be long.
    message: str
    #: Seconds that the server asks the client to wait.
    retry_after: float | None = None
    #: The field of the request that is refused, if the server names it.
    param: str = ""
    #: For `CONTEXT_WINDOW`: the tokens of the prompt.
    prompt_tokens: int | None = None
    #: Whether `prompt_tokens` is an exact count rather than a lower bound.
    exact: bool = True
    #: For `CONTEXT_WINDOW`: the tokens of the window.
    window: int | None = None
    #: For `ANSWER_LIMIT`: the most tokens that an answer may have.
    answer_limit: int | None = None
    #: For `UNAUTHORIZED`: whether the server asks for a user name and a password (HTTP Basic).
    basic: bool = False
    #: For `REDIRECT`: the base URL to use instead; `""` if it is not known.
    base: str = ""


def parse_error_response(status: int, headers: Mapping[str, str], body: bytes, url: str = "") -> ErrorResponse:
    """Parse a response whose status is not 200, or that is a web page where an answer should be.

    Args:
        body: its first bytes.
        url: the URL of the request.
    """
    parsed = parse_error_body(body, headers.get("Content-Type", ""))
    if 300 <= status < 400:
        location, base = _redirect(headers.get("Location", ""), url)
        return ErrorResponse(status=status, kind=ErrorKind.REDIRECT, message=location, base=base)
    if status in REFUSED and (error := _window_error(status, parsed)) is not None:
        return error
    kind = _kind(status, parsed)
    return ErrorResponse(
        status=status,
        kind=kind,
        message=parsed.message or _NO_MESSAGE,
        retry_after=parse_retry_after(headers),
        param=parsed.param,
        basic=kind is ErrorKind.UNAUTHORIZED and "basic" in headers.get("WWW-Authenticate", "").lower(),
    )


def parse_error_event(data: bytes) -> ErrorResponse:
    """Parse an error that arrives within an answer."""
    parsed = parse_error_body(data)
    status = next((int(code) for code in (parsed.code, parsed.status) if re.fullmatch(r"[45][0-9][0-9]", code)), 0)
    if status != 429 and (error := _window_error(status, parsed)) is not None:
        return error
    kind = ErrorKind.BUSY if _BY_STATUS.get(status) is ErrorKind.BUSY else ErrorKind.OTHER
    return ErrorResponse(status=status, kind=kind, message=parsed.message or _NO_MESSAGE, param=parsed.param)


def _window_error(status: int, body: ErrorBody) -> ErrorResponse | None:
    # The patterns take time to compile, and most runs need none.
    from kaito.openai.context_errors import answer_limit, window_numbers

    numbers = window_numbers(body)
    if numbers is None:
        limit = answer_limit(body) if status in (400, 422) else None
        if limit is None:
            return None
        message = body.message or _NO_MESSAGE
        return ErrorResponse(
            status=status, kind=ErrorKind.ANSWER_LIMIT, message=message, param=body.param, answer_limit=limit
        )
    return ErrorResponse(
        status=status,
        kind=ErrorKind.CONTEXT_WINDOW,
        message=body.message or _NO_MESSAGE,
        param=body.param,
        prompt_tokens=numbers.prompt,
        exact=numbers.exact,
        window=numbers.window,
    )


_BY_STATUS = {
    401: ErrorKind.UNAUTHORIZED,
    403: ErrorKind.FORBIDDEN,
    407: ErrorKind.PROXY_UNAUTHORIZED,
    413: ErrorKind.TOO_LARGE,
    429: ErrorKind.BUSY,
    502: ErrorKind.BUSY,
    503: ErrorKind.BUSY,
}


def _kind(status: int, body: ErrorBody) -> ErrorKind:
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status in (400, 404, 422) and _names_the_model(status, body):
        return ErrorKind.UNKNOWN_MODEL
    if status in (404, 405):
        return ErrorKind.NO_ROUTE
    if status in (400, 422) and re.search(r"stream_options|include_usage", body.message):
        return ErrorKind.STREAM_OPTIONS
    if not body.structured and status < 500:
        return ErrorKind.NOT_JSON
    return ErrorKind.OTHER


# "Invalid model name passed in model=NAME" (LiteLLM), "NAME is not a valid model ID" (OpenRouter), "The model `NAME`
# does not exist" (vLLM, OpenAI)
_UNKNOWN_MODEL = re.compile(
    r"invalid model name|unknown model|no such model|not a valid model|model_not_found"
    r"|\bmodel\b.{0,200}(?:does not exist|not found|is not available|is not served|is not loaded)",
    re.IGNORECASE,
)


def _names_the_model(status: int, body: ErrorBody) -> bool:
    if not body.structured:
        return False
    if body.code == "model_not_found":
        return True
    if status == 404:
        return body.param == "model" or bool(re.search(r"\bmodels?\b", body.message, re.IGNORECASE))
    return bool(_UNKNOWN_MODEL.search(body.message[:600]))


#: The paths that requests append to a base URL.
_PATHS = ("/chat/completions", "/models", "/tokenize")


def _redirect(location: str, url: str) -> tuple[str, str]:
    """Return the target of a redirect without user, password and query, and the base URL that it suggests."""
    try:
        parts = urlsplit(urljoin(url, location) if url else location)
        address = parts.netloc.rpartition("@")[2]
        shown = one_line(urlunsplit((parts.scheme, address, parts.path, "", "")))
    except ValueError:
        return "an address that is not valid", ""
    for path in _PATHS:
        if shown.rstrip("/").endswith(path) and parts.scheme in ("http", "https") and address:
            return shown, shown.rstrip("/").removesuffix(path).removesuffix("/v1")
    return shown or "nowhere", ""
