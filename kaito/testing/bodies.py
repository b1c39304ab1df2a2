"""What OpenAI-compatible servers write into their bodies: answers, lists and refusals, without any I/O.

The words are those of vLLM and of llama.cpp's server; KAITO runs both.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from kaito.types import Usage

#: In whose words a prompt that does not fit the window is refused; see :func:`window_refusal`.
Dialect = Literal["vllm", "vllm-at-least", "vllm-old", "llama.cpp"]

ANSWER_ID = "chatcmpl-test"
#: Seconds since the epoch. Constant, so that the same reply is the same bytes.
CREATED = 1_750_000_000


def to_json(value: Any) -> bytes:
    """Return compact JSON in UTF-8, letters unescaped, as vLLM sends it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def count_words(text: str) -> int:
    """Return the tokens of `text` by this package's tokenizer, for which a word is a token."""
    return len(text.split())


def message_text(message: Any) -> str:
    """Return the text of an entry of a request's `messages`, whose content may be a list of parts."""
    content = message.get("content") if isinstance(message, Mapping) else None
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, Mapping))
    return ""


def count_prompt(body: Any) -> int:
    """Return the tokens of a request's messages: their words, with nothing added for the roles."""
    messages = body.get("messages") if isinstance(body, Mapping) else None
    return sum(count_words(message_text(message)) for message in messages) if isinstance(messages, list) else 0


def usage_object(usage: Usage) -> dict[str, Any]:
    """Return `usage` as vLLM writes it."""
    details = None if usage.cached_tokens is None else {"cached_tokens": usage.cached_tokens}
    return {
        "prompt_tokens": usage.prompt_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "completion_tokens": usage.completion_tokens,
        "prompt_tokens_details": details,
    }


def chunk_object(
    model: str,
    delta: Mapping[str, Any] | None,
    *,
    finish_reason: str | None = None,
    usage: Usage | None = None,
) -> dict[str, Any]:
    """Return one event of a streamed answer; without `delta` it has no choice, as the one with the usage."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    chunk: dict[str, Any] = {
        "id": ANSWER_ID,
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": model,
        "choices": [] if delta is None else [choice],
    }
    if usage is not None:
        chunk["usage"] = usage_object(usage)
    return chunk


def completion_object(
    model: str, message: Mapping[str, Any], *, finish_reason: str | None, usage: Usage | None
) -> dict[str, Any]:
    """Return the whole answer to a request that does not stream."""
    return {
        "id": ANSWER_ID,
        "object": "chat.completion",
        "created": CREATED,
        "model": model,
        "choices": [{"index": 0, "message": dict(message), "logprobs": None, "finish_reason": finish_reason}],
        "usage": None if usage is None else usage_object(usage),
    }


def model_list(model: str, adapters: Sequence[str], window: int | None, dialect: Dialect) -> dict[str, Any]:
    """Return what `/v1/models` answers.

    vLLM tells the window of the model and not of its adapters, which name their model as `parent`; llama.cpp's server
    has no `max_model_len` at all.
    """
    owner = "llamacpp" if dialect == "llama.cpp" else "vllm"
    cards: list[dict[str, Any]] = []
    for name in (model, *adapters):
        card: dict[str, Any] = {"id": name, "object": "model", "created": CREATED, "owned_by": owner}
        if owner == "vllm":
            base = name == model
            card |= {"root": name, "parent": None if base else model, "max_model_len": window if base else None}
        cards.append(card)
    return {"object": "list", "data": cards}


def error_object(
    message: str, *, kind: str = "BadRequestError", param: str | None = None, code: int = 400, flat: bool = False
) -> dict[str, Any]:
    """Return vLLM's error body: `{"error": {…}}`, or with `flat` that of older versions, which had no such key."""
    fields: dict[str, Any] = {"message": message, "type": kind, "param": param, "code": code}
    return {"object": "error", **fields} if flat else {"error": fields}


def unknown_model(name: str, *, flat: bool = False) -> dict[str, Any]:
    """Return vLLM's 404 for a model that it does not serve."""
    return error_object(
        f"The model `{name}` does not exist.",
        kind="NotFoundError",
        param=None if flat else "model",
        code=404,
        flat=flat,
    )


def window_refusal(dialect: Dialect, window: int, prompt: int, answer: int | None) -> dict[str, Any] | None:
    """Return the 400 that refuses a prompt and an answer which do not fit, `None` when they do.

    Args:
        dialect: in whose words.

            - `vllm`: one message for a prompt that is too long, and "'max_tokens' … is too large" when only the answer
              asked for is.
            - `vllm-at-least`: later versions, which stop counting once the prompt is too long: the number they give is
              always `window - answer + 1`.
            - `vllm-old`: one message with the sum, in a body without `error`.
            - `llama.cpp`: refuses the prompt only.
        window: tokens of the window.
        prompt: tokens of the prompt.
        answer: tokens that the request wants at most, `None` when it does not say.
    """
    limit = f"This model's maximum context length is {window} tokens. "
    wanted = answer or 0
    if dialect == "llama.cpp":
        if prompt < window:
            return None
        message = f"request ({prompt} tokens) exceeds the available context size ({window} tokens), try increasing it"
        error = {"code": 400, "message": message, "type": "exceed_context_size_error"}
        return {"error": {**error, "n_prompt_tokens": prompt, "n_ctx": window}}
    if prompt < window and prompt + wanted <= window:
        return None
    if dialect == "vllm-at-least":
        least = max(window - wanted + 1, 1)
        return error_object(
            f"{limit}However, you requested {wanted} output tokens and your prompt contains at least {least} input "
            f"tokens, for a total of at least {least + wanted} tokens. Please reduce the length of the input prompt or "
            "the number of requested output tokens.",
            param="input_tokens",
        )
    if dialect == "vllm-old":
        if answer is None:
            reason = f"However, you requested {prompt} tokens in the messages, "
            reason += "Please reduce the length of the messages."
        else:
            reason = (
                f"However, you requested {prompt + answer} tokens ({prompt} in the messages, {answer} in the "
                "completion). Please reduce the length of the messages or completion."
            )
        return error_object(limit + reason, flat=True)
    if prompt >= window:
        return error_object(
            f"{limit}However, your prompt contains at least {max(prompt, window + 1)} input tokens. Please reduce the "
            "length of the input prompt.",
            param="input_tokens",
        )
    return error_object(
        f"'max_tokens' or 'max_completion_tokens' is too large: {wanted}. This model's maximum context length is "
        f"{window} tokens and your request has {prompt} input tokens ({wanted} > {window} - {prompt}).",
        param="max_tokens",
    )


def roles_refusal(body: Any) -> dict[str, Any] | None:
    """Return the 400 of a strict chat template, `None` when the roles alternate and the user speaks last."""
    messages = body.get("messages") if isinstance(body, Mapping) else None
    roles = [m.get("role") for m in messages if isinstance(m, Mapping)] if isinstance(messages, list) else []
    if roles[:1] == ["system"]:
        del roles[0]
    if len(roles) % 2 == 1 and all(role == ("user", "assistant")[i % 2] for i, role in enumerate(roles)):
        return None
    return error_object(
        "After the optional system message, conversation roles must alternate user/assistant/user/assistant/..."
    )


def usage_refusal(body: Any) -> dict[str, Any] | None:
    """Return the 400 of a server that does not know `stream_options`, `None` when the request has none."""
    if not isinstance(body, Mapping) or "stream_options" not in body:
        return None
    problem = {
        "type": "extra_forbidden",
        "loc": ("body", "stream_options"),
        "msg": "Extra inputs are not permitted",
        "input": body["stream_options"],
    }
    return error_object(str([problem]))


_NGINX_502 = (
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n"
    "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
#: What :class:`~kaito.testing.Status` sends for a code when it is given no body: text as it is, all else as JSON.
DEFAULT_BODIES: Mapping[int, Any] = {
    400: error_object("Bad request"),
    # vLLM, without the API key
    401: {"error": "Unauthorized"},
    403: {"error": {"message": "Forbidden", "type": "PermissionDeniedError", "param": None, "code": 403}},
    # FastAPI, for a path that it does not know
    404: {"detail": "Not Found"},
    405: {"detail": "Method Not Allowed"},
    # KAITO, when more requests wait than the server takes
    429: {"error": {"message": "Too many requests, please try again later", "code": "rate_limit_exceeded"}},
    500: error_object("Internal server error", kind="InternalServerError", code=500),
    # an ingress whose model is away
    502: _NGINX_502,
    # the API server's Service proxy
    503: {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'no endpoints available for service "workspace"',
        "reason": "ServiceUnavailable",
        "code": 503,
    },
}
