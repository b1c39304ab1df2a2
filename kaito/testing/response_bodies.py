"""The JSON bodies of OpenAI-compatible servers: answers, model lists and errors. Pure functions.

The texts are those of vLLM and of llama.cpp's server; KAITO runs both.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from kaito.types import ToolCall, Usage

#: The server whose error a prompt that does not fit the window gets; see :func:`window_error`.
Dialect = Literal["vllm", "vllm-at-least", "vllm-old", "vllm-0.15", "vllm-0.16", "vllm-0.32", "llama.cpp", "silent"]

ANSWER_ID = "chatcmpl-test"
#: Seconds since the epoch. Constant, so that the same reply has the same bytes.
CREATED = 1_750_000_000


def to_json(value: Any) -> bytes:
    """Return compact UTF-8 JSON without escapes for non-ASCII letters, as vLLM sends it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def count_words(text: str) -> int:
    """Return the number of tokens of `text`. The tokenizer of this package counts words."""
    return len(text.split())


def message_text(message: Any) -> str:
    """Return the text of one entry of a request's `messages`; its content may be a list of parts."""
    content = message.get("content") if isinstance(message, Mapping) else None
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, Mapping))
    return ""


def count_prompt(body: Any) -> int:
    """Return the number of tokens of a request's messages; the roles count nothing."""
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
    """Return one event of a streamed answer. Without `delta` it has no choice, like the event with the usage."""
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


def call_object(call: ToolCall) -> dict[str, Any]:
    """Return a call of a tool in an answer that is not streamed."""
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def call_fragments(calls: Sequence[ToolCall]) -> Iterator[dict[str, Any]]:
    """Yield the fragments of calls in a stream."""
    for index, call in enumerate(calls):
        yield {"index": index, **call_object(call.replace(arguments=""))}
        for start in range(0, len(call.arguments), _FRAGMENT):
            yield {"index": index, "function": {"arguments": call.arguments[start : start + _FRAGMENT]}}


#: Characters of a call's arguments that are sent at once.
_FRAGMENT = 5


def model_list(model: str, adapters: Sequence[str], window: int | None, dialect: Dialect) -> dict[str, Any]:
    """Return the body of `/v1/models`.

    vLLM reports the window of the model only; an adapter names its model as `parent`. llama.cpp's server reports no
    `max_model_len`.
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
    """Return vLLM's error body: `{"error": {…}}`, or with `flat` the body of older versions, without that key."""
    fields: dict[str, Any] = {"message": message, "type": kind, "param": param, "code": code}
    return {"object": "error", **fields} if flat else {"error": fields}


def unknown_model(name: str, *, flat: bool = False) -> dict[str, Any]:
    """Return the body of vLLM's 404 for a model that it does not serve."""
    return error_object(
        f"The model `{name}` does not exist.",
        kind="NotFoundError",
        param=None if flat else "model",
        code=404,
        flat=flat,
    )


def window_error(dialect: Dialect, window: int, prompt: int, answer: int | None) -> dict[str, Any] | None:
    """Return the body of the 400 for a prompt and an answer that do not fit the window; `None` if they fit.

    Args:
        dialect: the server to imitate.

            - `vllm`: one message for a prompt that is too long, and "'max_tokens' … is too large" if only the answer
              does not fit.
            - `vllm-at-least`: later versions, which stop counting once the prompt is too long. The number that they
              report is always `window - answer + 1`.
            - `vllm-old`: one message with the sum, in a body without `error`.
            - `vllm-0.15`: states the window less `answer` as the maximum.
            - `vllm-0.16`: counts the prompt up to the first token that does not fit.
            - `vllm-0.32`: a message of its own if `answer` alone exceeds the window; otherwise as `vllm-at-least`.
            - `silent`: says nothing about the window.
            - `llama.cpp`: rejects only a prompt that is too long.
        window: the window's tokens.
        prompt: the prompt's tokens.
        answer: the maximum tokens that the request asks for; `None` if it sets no limit.
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
    if dialect == "silent":
        return error_object("Bad request")
    if dialect == "vllm-0.15":
        return error_object(
            f"This model's maximum context length is {window - wanted} tokens. However, your request has {prompt} "
            "input tokens. Please reduce the length of the input messages.",
            param="input_tokens",
        )
    if dialect == "vllm-0.16":
        counted = min(prompt, max(window - wanted, 0) + 1)
        return error_object(
            f"You passed {counted} input tokens and requested {wanted} output tokens. However, the model's context "
            f"length is only {window} tokens, resulting in a maximum input length of {max(window - wanted, 0)} tokens. "
            "Please reduce the length of the input prompt.",
            param="input_tokens",
        )
    if dialect == "vllm-0.32":
        if wanted > window:
            return error_object(
                f"max_tokens={wanted} cannot be greater than max_model_len={window}. Please request fewer output "
                "tokens.",
                param="max_tokens",
            )
        dialect = "vllm-at-least"
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


def roles_error(body: Any) -> dict[str, Any] | None:
    """Return the body of a strict chat template's 400; `None` if the roles alternate and the last one is the user."""
    messages = body.get("messages") if isinstance(body, Mapping) else None
    roles = [m.get("role") for m in messages if isinstance(m, Mapping)] if isinstance(messages, list) else []
    if roles[:1] == ["system"]:
        del roles[0]
    if len(roles) % 2 == 1 and all(role == ("user", "assistant")[i % 2] for i, role in enumerate(roles)):
        return None
    return error_object(
        "After the optional system message, conversation roles must alternate user/assistant/user/assistant/..."
    )


def usage_error(body: Any) -> dict[str, Any] | None:
    """Return the body of the 400 of a server without `stream_options`; `None` if the request has no such field."""
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
#: The bodies that :class:`~kaito.testing.Status` sends by default: text as it is, anything else as JSON.
DEFAULT_BODIES: Mapping[int, Any] = {
    400: error_object("Bad request"),
    # vLLM, when the API key is missing or wrong
    401: {"error": "Unauthorized"},
    403: {"error": {"message": "Forbidden", "type": "PermissionDeniedError", "param": None, "code": 403}},
    # FastAPI, for an unknown path
    404: {"detail": "Not Found"},
    405: {"detail": "Method Not Allowed"},
    # KAITO, when too many requests are queued
    429: {"error": {"message": "Too many requests, please try again later", "code": "rate_limit_exceeded"}},
    500: error_object("Internal server error", kind="InternalServerError", code=500),
    # an ingress whose backend is down
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
