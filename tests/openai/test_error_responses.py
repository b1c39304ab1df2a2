"""Error responses as servers send them, and what they mean."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.openai.error_bodies import error_message
from kaito.openai.error_responses import ErrorKind, parse_error_response

LIMIT = "This model's maximum context length is 2048 tokens"


def parse(status, body, **headers):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return parse_error_response(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def vllm(message, **more):
    return {"error": {"message": message, "type": "BadRequestError", "param": None, "code": 400, **more}}


@pytest.mark.parametrize(
    ("body", "prompt", "exact", "window"),
    [
        pytest.param(
            vllm(
                f"{LIMIT}. However, your prompt contains at least 2049 input tokens. Please reduce",
                param="input_tokens",
            ),
            2049,
            False,
            2048,
            id="vllm: prompt over the window",
        ),
        pytest.param(
            vllm(f"{LIMIT}. However, you requested 2100 tokens (1076 in the messages, 1024 in the completion). Please"),
            1076,
            True,
            2048,
            id="older vllm: both together",
        ),
        pytest.param(
            vllm(
                "'max_tokens' or 'max_completion_tokens' is too large: 1024. "
                f"{LIMIT} and your request has 1500 input tokens (1024 > 2048 - 1500). None"
            ),
            1500,
            True,
            2048,
            id="vllm: max_tokens over what is left",
        ),
        pytest.param(
            vllm(
                f"{LIMIT}. However, you requested 1024 output tokens and your prompt contains at least 1025 input tokens, "
                "for a total of at least 2049 tokens. Please reduce the length of the input prompt"
            ),
            1025,
            False,
            2048,
            id="newer vllm: both together, a bound",
        ),
        pytest.param(
            vllm(
                f"{LIMIT}. However, you requested 2048 output tokens and your prompt contains 581 characters (more than 0 "
                "characters, which is the upper bound for 0 input tokens)."
            ),
            None,
            True,
            2048,
            id="newer vllm: no room for a prompt",
        ),
        pytest.param(
            vllm(f"{LIMIT}. However, your messages resulted in 5000 tokens.", code="context_length_exceeded"),
            5000,
            True,
            2048,
            id="openai",
        ),
        pytest.param(
            vllm("The decoder prompt (length 3000) is longer than the maximum model length of 2048. Make sure"),
            3000,
            True,
            2048,
            id="vllm: decoder prompt",
        ),
        pytest.param(
            {
                "error": {
                    "code": 400,
                    "message": "request (5031 tokens) exceeds the available context size (1024 tokens), try increasing it",
                    "type": "exceed_context_size_error",
                    "n_prompt_tokens": 5031,
                    "n_ctx": 1024,
                }
            },
            5031,
            True,
            1024,
            id="llama.cpp",
        ),
        pytest.param(
            {"error": "request (5031 tokens) exceeds the available context size (1024 tokens), try increasing it"},
            5031,
            True,
            1024,
            id="llama.cpp behind something that keeps only the message",
        ),
        pytest.param(
            {
                "error": "`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 4000 `inputs` tokens and 1024",
                "type": "v",
            },
            4000,
            True,
            4096,
            id="text-generation-inference",
        ),
        pytest.param(vllm(f"{LIMIT}, sorry"), None, True, 2048, id="the window alone"),
        pytest.param(vllm("too long", code="context_length_exceeded"), None, True, None, id="the code alone"),
    ],
)
def test_the_numbers_of_the_window_are_parsed(body, prompt, exact, window):
    response = parse(400, body)
    assert (response.kind, response.prompt_tokens, response.exact, response.window) == (
        ErrorKind.CONTEXT_WINDOW,
        prompt,
        exact,
        window,
    )


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        (404, {"detail": "Not Found"}, ErrorKind.NO_ROUTE, "Not Found"),
        (405, {"detail": "Method Not Allowed"}, ErrorKind.NO_ROUTE, "Method Not Allowed"),
        (404, b"404 page not found", ErrorKind.NO_ROUTE, "404 page not found"),
        (404, b"<html><head><title>404 Not Found</title>", ErrorKind.NO_ROUTE, "404 Not Found"),
        (
            404,
            {"error": {"message": "The model `x` does not exist.", "type": "NotFoundError", "param": "model"}},
            ErrorKind.UNKNOWN_MODEL,
            "The model `x` does not exist.",
        ),
        (
            404,
            {"object": "error", "message": "The model `x` does not exist.", "type": "NotFoundError"},
            ErrorKind.UNKNOWN_MODEL,
            "The model `x` does not exist.",
        ),
        (404, {"error": {"message": "gone", "code": "model_not_found"}}, ErrorKind.UNKNOWN_MODEL, "gone"),
        (
            429,
            {"error": {"message": "Too many requests", "code": "rate_limit_exceeded"}},
            ErrorKind.BUSY,
            "Too many requests",
        ),
        (502, b"<html><h1>502 Bad Gateway</h1>", ErrorKind.BUSY, "502 Bad Gateway"),
        (
            503,
            {"kind": "Status", "message": 'no endpoints available for service "x"', "code": 503},
            ErrorKind.BUSY,
            'no endpoints available for service "x"',
        ),
        (401, {"error": "Unauthorized"}, ErrorKind.UNAUTHORIZED, "Unauthorized"),
        (403, b"RBAC: access denied", ErrorKind.FORBIDDEN, "RBAC: access denied"),
        (400, vllm("Unknown field: stream_options"), ErrorKind.STREAM_OPTIONS, "Unknown field: stream_options"),
        (
            422,
            {"detail": [{"loc": ["body"], "msg": "stream_options: extra"}]},
            ErrorKind.STREAM_OPTIONS,
            "stream_options: extra",
        ),
        (400, vllm("temperature must be at most 2"), ErrorKind.OTHER, "temperature must be at most 2"),
        (500, b"", ErrorKind.OTHER, "no reason given"),
        (200, b"<!DOCTYPE html><title>Sign &amp; in</title>", ErrorKind.NOT_JSON, "Sign & in"),
        (200, b"<html>", ErrorKind.NOT_JSON, "a web page"),
        (418, b"I'm a teapot", ErrorKind.NOT_JSON, "I'm a teapot"),
    ],
)
def test_the_kind_of_an_error(status, body, kind, message):
    response = parse(status, body)
    assert (response.kind, response.message) == (kind, message)


def test_a_redirect_is_shown_without_its_query():
    response = parse(302, b"", Location="https://login.example/start?token=secret")
    assert (response.kind, response.message) == (ErrorKind.REDIRECT, "https://login.example/start")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry_After": "7"}, 7.0),
        ({"Retry_After": " 1.5 "}, 1.5),
        ({"Retry_After": "Wed, 21 Oct 2015 07:28:10 GMT", "Date": "Wed, 21 Oct 2015 07:28:00 GMT"}, 10.0),
        ({"Retry_After": "Wed, 21 Oct 2015 07:27:00 GMT", "Date": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"Retry_After": "Wed, 21 Oct 2015 07:28:10 GMT"}, None),
        ({"Retry_After": "soon"}, None),
        ({"Retry_After": "Wed, 21 Oct 2999999 07:28:10 GMT", "Date": "Wed, 21 Oct 2015 07:28:00 GMT"}, None),
        ({"Retry_After": "Wed, 21 Oct 2015 07:28:10 +9999999", "Date": "Wed, 21 Oct 2015 07:28:00 GMT"}, None),
        ({"Retry_After": "Wed, 21 Oct 2015 07:28:10 GMT", "Date": "Wed, 21 Oct 2999999 07:28:00 -9999999"}, None),
        ({"Retry_After": "9" * 5000}, None),
        ({"Retry_After": "\u0665"}, None),
        ({"Retry_After": "1e9"}, None),
        ({"Retry_After": "nan"}, None),
        ({"Retry_After": "-1"}, None),
        ({"Retry_After": ", " * 9000}, None),
        ({}, None),
    ],
)
def test_retry_after(headers, seconds):
    assert parse(503, b"", **headers).retry_after == seconds


@given(
    st.text(max_size=60)
    | st.from_regex(r"[A-Z][a-z]{2}, -?[0-9]{1,9} [A-Z][a-z]{2} [0-9]{1,9} [0-9:]{1,9} [+-]?[0-9A-Z]{1,9}")
)
def test_no_date_breaks_it(value):
    seconds = parse(503, b"", Retry_After=value, Date=value[::-1] if len(value) % 2 else value).retry_after
    assert seconds is None or seconds >= 0


def test_a_long_message_is_cut():
    assert len(parse(500, b"x" * 50_000).message) < 5000


def test_a_message_has_no_control_sequences():
    assert parse(500, b"\x1b[31mred\xc2\x9b2J\n\x1b]0;title").message == "red"
    assert parse(500, b'{"error": "a\\u001b[0mb\\u202e"}').message == "ab"
    assert parse(302, b"", Location="http://h/\x1b[2J").message == "http://h/"


@given(st.integers(300, 599), st.binary(max_size=300))
def test_no_body_breaks_it(status, body):
    assert parse_error_response(status, {}, body).message


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=9),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["error", "message", "detail", "msg"]), inner, max_size=3)
        ),
    )
)
def test_no_error_object_breaks_it(value):
    assert "\n" not in error_message(value)
