"""The messages of errors, in any shape."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.openai.error_bodies import MAX_MESSAGE, ErrorBody, describe, error_message, parse_error_body


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"error": {"message": "no"}}, "no"),
        ({"error": "no"}, "no"),
        ({"message": "no"}, "no"),
        ({"detail": "no"}, "no"),
        ({"detail": {"error": {"message": "no"}}}, "no"),
        ({"errors": [{"message": "no"}, "never"]}, "no; never"),
        ({"error": "Bad Request", "message": "no"}, "Bad Request: no"),
        ({"detail": [{"loc": ["body", "top_k"], "msg": "Extra inputs", "type": "x"}]}, "top_k: Extra inputs"),
        ({"detail": [{"loc": ["body", "messages", 0, "content"], "msg": "too short"}]}, "messages.0.content: too short"),
        ({"detail": [{"loc": ["body"], "msg": "a"}, {"loc": None, "msg": "b"}]}, "a; b"),
        ({"error": '{"error": {"message": "no"}}'}, "no"),
        ({"error": {"message": '{"detail": "no"}'}}, "no"),
        ({"error": {"message": "Provider returned error", "metadata": {"raw": '{"error":"no"}'}}}, "Provider returned error: no"),
        ("{not json", "{not json"),
        ([{"message": "no"}], "no"),
        ([], ""),
        ({}, ""),
        (None, ""),
        (5, ""),
        ({"error": 5, "message": None}, ""),
    ],
)  # fmt: skip
def test_the_message_of_an_error(value, message):
    assert error_message(value) == message


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 60_000,
        b'{"error":' * 7000 + b"1" + b"}" * 7000,
        b'{"error":' * 500 + b'"no"' + b"}" * 500,
        b'{"error":{"message":"no","code":' + b"9" * 5000 + b"}}",
        b'{"error":{"message":"no","n_ctx":1e999,"code":{},"param":[],"type":true}}',
        b'{"error":"\xff\xfe"}',
        b"\xef\xbb\xbf{}",
        b'{"error":' + json.dumps('{"error":' * 1000).encode() + b"}",
    ],
)
def test_hostile_bodies_are_only_text(body):
    parsed = parse_error_body(body)
    assert len(parsed.message) <= MAX_MESSAGE
    assert parsed.n_ctx is None


def test_deep_json_says_so():
    assert parse_error_body(b"[" * 60_000) == ErrorBody(message="JSON, but it is nested too deeply", structured=True)


def test_the_fields_of_an_error():
    body = b'{"error":{"message":"no","type":"t","param":"max_tokens","code":400}}'
    assert parse_error_body(body) == ErrorBody(message="no", structured=True, code="400", type="t", param="max_tokens")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "message", "detail", "msg", "loc", "errors", "metadata", "raw", "code", "n_ctx"]),
            inner,
            max_size=3,
        )
        | inner.map(json.dumps)
    ),
)


@given(JSON | st.binary(max_size=80))
def test_no_body_breaks_it(value):
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    parsed = parse_error_body(body)
    assert "\n" not in parsed.message
    assert describe(body, "")
