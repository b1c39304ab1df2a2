"""Lists of models and counts of tokens, whatever a server sends."""

import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.openai import server_info
from kaito.openai.server_info import parse_models, parse_template, parse_token_count
from kaito.types import ModelInfo
from kaito.util import limits
from kaito.util.decoding import decode_json


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
        (b'{"tokens":[ 1 , -2 ]}', 2),
        (b'{"tokens":[7]}', 1),
        (b'{"tokens":[1.5,"a",[1,2]]}', 3),
        (b'{"tokens":[]}', None),
        (b'{"tokens":[ ]}', None),
        (b'{"tokens":5}', None),
        (b'{"tokens":[' + b"0," * 5_000_000 + b"0]}", 5_000_001),
        (b'{"tokens":[' + b"{}," * 400_000 + b"{}]}", None),
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


def list_of(field, unit, size):
    """Return an object whose field is a list of the unit, of about `size` bytes."""
    return b'{"%s":[' % field + (unit + b",") * (size // (len(unit) + 1)) + unit + b"]}"


def counted_decodes(monkeypatch):
    """Return a list that receives the type of each decode."""
    calls: list[object] = []

    def counted(data, type, **options):
        calls.append(type)
        return decode_json(data, type, **options)

    monkeypatch.setattr(server_info, "decode_json", counted)
    return calls


UNITS = [
    b"0", b"null", b'""', b"[]", b"{}", b"[[]]", b'{"id":0}', b'{"id":"\\ud800"}', b'{"id":"m","meta":{}}', b'0,{"id":"m"}',
    b'{"id":"m","parent":"' + b"p" * 40 + b'"}', b'{"id":"","a":[0,0,0,0,0,0,0,0,0,0]}',
]  # fmt: skip


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize(
    ("parse", "field"), [(parse_models, b"data"), (parse_token_count, b"tokens"), (parse_template, b'prompt":null,"z')]
)
def test_long_lists_take_little_work_and_memory(parse, field, unit, monkeypatch):
    calls = counted_decodes(monkeypatch)
    body = list_of(field, unit, 8 * 1024 * 1024)
    tracemalloc.start()
    try:
        parse(body)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 48 * 1024 * 1024
    assert len(calls) <= 3


@pytest.mark.parametrize("unit", UNITS)
def test_the_work_of_a_list_is_bounded_by_its_objects(unit, monkeypatch):
    monkeypatch.setattr(limits, "MODEL_LIST_OBJECTS", 1000)
    monkeypatch.setattr(limits, "MIXED_LIST_COMMAS", 1000)
    calls = counted_decodes(monkeypatch)
    for size in (5_000, 50_000, 500_000):
        calls.clear()
        parse_models(list_of(b"data", unit, size))
        assert len(calls) <= 3 + 3 * 1000


def test_a_long_list_of_models_is_read():
    listed = models(*({"id": f"m{number}", "max_model_len": 4096, "permission": [{}]} for number in range(20_000)))
    assert (len(listed), listed[-1]) == (20_000, ModelInfo(name="m19999", window=4096))


def test_an_entry_that_cannot_be_decoded_is_left_out():
    body = b'{"data":[{"id":"\xff"},{"id":"a","meta":{"\xff":1}},7,{"id":"m"}]}'
    assert parse_models(body) == [ModelInfo(name="a"), ModelInfo(name="m")]


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
