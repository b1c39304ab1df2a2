"""Lists of models and counts of tokens, whatever a server sends."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.openai.server_info import parse_models, parse_template, parse_token_count
from kaito.types import ModelInfo


def models(*entries):
    return parse_models(json.dumps({"data": list(entries)}).encode())


@pytest.mark.parametrize(
    ("entry", "window"),
    [
        ({"max_model_len": 4096}, 4096),
        ({"context_length": 4096}, 4096),
        ({"context_window": 4096}, 4096),
        ({"max_context_length": 4096}, 4096),
        ({"meta": {"n_ctx": 4096, "n_ctx_train": 8192}}, 4096),
        ({"max_model_len": None, "context_length": 4096}, 4096),
        ({"max_model_len": "4096"}, None),
        ({"max_model_len": True}, None),
        ({"max_model_len": -1}, None),
        ({"max_model_len": 10**30}, None),
        ({"max_model_len": 1e6}, None),
        ({"meta": [4096]}, None),
        ({}, None),
    ],
)
def test_the_window_of_a_model(entry, window):
    assert models({"id": "m", **entry}) == [ModelInfo(name="m", window=window)]


def test_a_model_with_a_number_of_many_digits_has_no_window():
    body = b'{"data":[{"id":"m","max_model_len":' + b"9" * 5000 + b"}]}"
    assert parse_models(body) == [ModelInfo(name="m")]


def test_an_adapter_has_the_window_of_its_model():
    listed = models(
        {"id": "a", "parent": "m"}, {"id": "m", "max_model_len": 5, "parent": "m"}, {"id": "b", "parent": 7}
    )
    assert listed == [ModelInfo(name="a", window=5, parent="m"), ModelInfo(name="m", window=5), ModelInfo(name="b")]


def test_entries_that_are_no_models_are_left_out():
    entries = [None, 5, [], "m", {}, {"id": 7}, {"id": "x" * 7_000_000}, {"id": "m"}]
    assert models(*entries) == [ModelInfo(name="m")]


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b'{"data":{}}', b'{"data":null}', b'{"data":[', b"\xff", b"[" * 5000, b'{"data":[' + b"[" * 5000],
)  # fmt: skip
def test_what_is_no_list_counts_as_unknown(body):
    assert parse_models(body) is None


def test_deep_json_in_a_closed_list_counts_as_unknown():
    assert parse_models(b'{"data":[{"id":"m","z":' + b"[" * 50_000 + b"]" * 50_000 + b"}]}") is None


@pytest.mark.parametrize(
    ("body", "count"),
    [
        (b'{"count":5,"max_model_len":9,"tokens":[1,2]}', 5),
        (b'{"tokens":[1,2,3]}', 3),
        (b'{"tokens":[{"id":1,"piece":"a"}]}', 1),
        (b'{"tokens":[]}', None),
        (b'{"count":-1}', None),
        (b'{"count":' + b"9" * 5000 + b"}", None),
        (b'{"count":"5"}', None),
        (b"[" * 5000, None),
        (b"\xff", None),
        (b"", None),
    ],
)
def test_a_count_of_tokens(body, count):
    assert parse_token_count(body) == count


@pytest.mark.parametrize(("body", "prompt"), [(b'{"prompt":"<s>Hi"}', "<s>Hi"), (b'{"prompt":5}', None), (b"{", None)])
def test_a_template(body, prompt):
    assert parse_template(body) == prompt


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["data", "id", "parent", "max_model_len", "meta", "n_ctx", "count", "tokens", "prompt"]),
            inner,
        )
    ),
)


@given(JSON | JSON.map(lambda value: {"data": [value]}))
def test_no_answer_breaks_it(value):
    body = json.dumps(value).encode()
    parse_models(body)
    parse_token_count(body)
    parse_template(body)
