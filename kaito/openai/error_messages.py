"""The messages for a turn that failed: what the server's error means, and what the user can do."""

from __future__ import annotations

import re
from collections.abc import Sequence

from kaito.errors import ConnectError, ForbiddenError, KaitoError, ModelError, NotFoundError, ShellHint
from kaito.net.proxy_errors import proxy_credentials_required
from kaito.openai.error_responses import ErrorKind, ErrorResponse
from kaito.util.suggest import listed, near_names

#: The last line of an error that may come after a part of the answer was shown.
NOT_KEPT = ShellHint(
    "What arrived is not part of the conversation; send the message again (/retry)",
    "The answer is not complete; send the message again",
)

#: The most models that a message names.
_MAX_LISTED = 10

_CHECK_ADDRESS = "Check the address; a proxy or a login page may answer there"

# Gemma's template: "System role not supported"; Mistral's: "Only user and assistant roles are supported!"
_NO_SYSTEM_ROLE = re.compile(
    r"system (?:role|prompt|message)s?\b.{0,60}(?:not (?:supported|allowed)|unsupported)"
    r"|(?:not support|unsupported|does not allow).{0,60}\bsystem (?:role|prompt|message)"
    r"|only user(?:,| and) assistant.{0,40}roles are supported",
    re.IGNORECASE,
)


def error_for(response: ErrorResponse, endpoint: str, model: str | None, models: Sequence[str] = ()) -> KaitoError:
    """Return the error that ends a turn.

    Args:
        endpoint: the URL of the requests, as it is shown.
        model: the model that was requested.
        models: the names of those that the server lists.
    """
    quoted = quote(response)
    match response.kind:
        case ErrorKind.UNAUTHORIZED if response.basic:
            hint = "Pass --header @FILE, a file with 'Authorization: Basic …' (user:password in base64)"
            return ForbiddenError(
                f"The model's server, or a proxy, requires a user name and a password: {quoted}", hint
            )
        case ErrorKind.UNAUTHORIZED:
            hint = "Set KAITO_API_KEY, or pass a file that holds the key with --api-key-file"
            return ForbiddenError(f"The model's server requires an API key: {quoted}", hint)
        case ErrorKind.PROXY_UNAUTHORIZED:
            return proxy_credentials_required(quoted)
        case ErrorKind.FORBIDDEN:
            hint = "Another key may be allowed: set KAITO_API_KEY, or pass a file with --api-key-file"
            return ForbiddenError(f"The model's server denied access: {quoted}", hint)
        case ErrorKind.UNKNOWN_MODEL:
            name = f"model '{model}'" if model else "such model"
            return NotFoundError(f"The server has no {name}: {response.message}", *_other_models(model, models))
        case ErrorKind.REDIRECT:
            reason = f"The server redirects to {response.message} (HTTP {response.status}); redirects are not followed"
            if response.base:
                return ConnectError(endpoint, reason, f"If that is the right address, pass --endpoint {response.base}")
            return ConnectError(endpoint, reason, _CHECK_ADDRESS)
        case ErrorKind.TOO_LARGE:
            return ModelError(
                f"The request is too large: {quoted}",
                "A proxy before the server, or the server, limits the size of requests",
                ShellHint(
                    "Send a shorter message, drop old turns ('clear' or '/set trim on'), or have the limit raised",
                    "Send a shorter message, or have the limit raised",
                ),
                status=response.status,
            )
        case ErrorKind.NO_ROUTE | ErrorKind.NOT_JSON:
            reason = f"The server at this address does not serve chat completions: {quoted}"
            return ConnectError(endpoint, reason, _CHECK_ADDRESS)
    hints: list[str] = []
    if _NO_SYSTEM_ROLE.search(response.message[:600]):
        fact = "This model takes no system prompt"
        hints.append(ShellHint(f"{fact}: '/system none' removes it", f"{fact}: omit --system-prompt"))
    return ModelError(quoted, *hints, status=response.status)


def _other_models(model: str | None, models: Sequence[str]) -> list[str]:
    """Return hints with the models to request in place of one that the server does not have."""
    others = [name for name in models if name != model]
    if not others:
        return [ShellHint("'/model NAME' requests another one", "Request another one with --model, or omit the flag")]
    near = near_names(model, others) if model else []
    return [
        *([f"Did you mean {' or '.join(near)}?"] if near else []),
        f"The server lists {listed(others, _MAX_LISTED)}",
        ShellHint("'/model NAME' selects one", "Select one with --model, or omit the flag to use the first"),
    ]


def quote(response: ErrorResponse) -> str:
    """Return a server's message with its HTTP status, to be part of one of our messages."""
    return f"{response.message} (HTTP {response.status})" if response.status else response.message
