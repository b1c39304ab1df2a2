"""Events of a chat completion, well formed and malformed."""

import json
import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.openai.chunks import AnswerDecoder
from kaito.openai.schema import MalformedError
from kaito.types import Delta, Usage


def event(content=None, finish_reason=None, **more) -> bytes:
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": finish_reason}
    return json.dumps({"id": "x", "model": "m", "choices": [choice], **more}).encode()


def test_all_events_of_a_read_become_one_delta():
    decoder = AnswerDecoder()
    assert decoder.decode([event("Hel"), event("lo"), event("", "stop")]) == Delta(
        content="Hello", finish_reason="stop", model="m"
    )
    assert not decoder.done


def test_an_empty_stream_yields_nothing():
    assert AnswerDecoder().decode([]) == Delta()


def test_usage_arrives_in_a_chunk_without_choices():
    decoder = AnswerDecoder()
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}}
    last = json.dumps({"choices": [], "usage": usage}).encode()
    assert decoder.decode([last, b"[DONE]"]).usage == Usage(prompt_tokens=5, completion_tokens=2, cached_tokens=4)
    assert decoder.done


@pytest.mark.parametrize("usage", [{}, {"prompt_tokens": None}, {"prompt_tokens_details": None}])
def test_missing_counts_are_zero(usage):
    delta = AnswerDecoder().decode([json.dumps({"choices": None, "usage": usage}).encode()])
    assert delta.usage == Usage(prompt_tokens=0, completion_tokens=0)


@pytest.mark.parametrize("count", [-1, 2**63, 10**400, 1e300])
@pytest.mark.parametrize("usage", [{"prompt_tokens": 0}, {"completion_tokens": 0}, {"prompt_tokens_details": 0}])
def test_an_impossible_count_is_none(count, usage):
    [name] = usage
    spoilt = {
        "prompt_tokens": 5,
        "completion_tokens": 2,
        name: {"cached_tokens": count} if "details" in name else count,
    }
    delta = AnswerDecoder().decode([json.dumps({"choices": [], "usage": spoilt}).encode()])
    assert delta.usage is None


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
def test_reasoning_is_read_under_either_name(name):
    chunk = {"choices": [{"delta": {name: "hm", "content": "yes"}}]}
    delta = AnswerDecoder().decode([json.dumps(chunk).encode()])
    assert (delta.reasoning, delta.content) == ("hm", "yes")


def test_reasoning_under_both_names_is_read_once():
    chunk = {"choices": [{"delta": {"reasoning": "hm", "reasoning_content": "hm"}}]}
    assert AnswerDecoder().decode([json.dumps(chunk).encode()]).reasoning == "hm"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        ({"error": {"message": "out of memory", "code": 500}}, "out of memory"),
        ({"error": "out of memory"}, "out of memory"),
        ({"object": "error", "message": "out of memory", "code": 500}, "out of memory"),
        ({"error": {}}, "no reason given"),
    ],
)
def test_an_error_in_mid_stream_ends_the_answer(error, message):
    decoder = AnswerDecoder()
    delta = decoder.decode([event("Hel"), json.dumps(error).encode(), event("lo"), b"[DONE]"])
    assert decoder.error is not None
    assert (delta.content, decoder.error.message, decoder.done) == ("Hel", message, True)


def test_events_after_the_end_are_ignored():
    decoder = AnswerDecoder()
    assert decoder.decode([event("a"), b"[DONE]", b"not json"]).content == "a"
    assert decoder.done


def test_empty_events_are_skipped():
    assert AnswerDecoder().decode([b"", event("a"), b""]).content == "a"


def test_half_a_surrogate_pair_spoils_one_character():
    spoiled = rb'{"choices":[{"delta":{"content":"a\ud83db","reasoning":"\udc00"},"message":null}]}'
    delta = AnswerDecoder().decode([event("x"), spoiled])
    assert (delta.content, delta.reasoning) == ("xa\ufffdb", "\ufffd")


def test_an_invalid_utf8_byte_spoils_one_character():
    assert AnswerDecoder().decode([b'{"choices":[{"delta":{"content":"a\xffb"}}]}']).content == "a\ufffdb"


@pytest.mark.parametrize(
    ("chunk", "content"),
    [
        ({"choices": [{"index": None, "delta": {"content": "a"}}]}, "a"),
        ({"choices": [{"index": 1, "delta": {"content": "b"}}, {"index": 0, "delta": {"content": "a"}}]}, "a"),
        ({"choices": [{"delta": {"content": "a"}}], "usage": {"prompt_tokens": "5", "completion_tokens": 1.5}}, "a"),
        ({"choices": [{"delta": {"content": "a"}}], "usage": "none"}, "a"),
        ({"choices": [{"delta": {"content": [{"type": "text", "text": "a"}, {"type": "image"}]}}]}, "a"),
        ({"choices": [{"delta": {"content": "a"}, "finish_reason": 5}], "model": 7, "error": ""}, "a"),
        ({"choices": [{"delta": {"content": "a"}}], "error": False}, "a"),
        ({"choices": [{"delta": None}]}, ""),
        ({"choices": [{"delta": {"role": "assistant", "tool_calls": [{"id": "x"}]}}]}, ""),
        ({}, ""),
        (None, ""),
    ],
)
def test_fields_an_answer_does_not_need_may_have_any_type(chunk, content):
    decoder = AnswerDecoder()
    assert decoder.decode([json.dumps(chunk).encode()]).content == content
    assert not decoder.malformed
    assert decoder.error is None


@pytest.mark.parametrize(
    "choice",
    [
        {"delta": "LOST "},
        {"delta": ["LOST "]},
        {"delta": [{"type": "text", "text": "LOST "}]},
        {"delta": {"content": ["LO", "ST "]}},
        {"delta": {"content": [{"type": "text", "text": {"value": "LOST "}}, {"type": "image"}]}},
        {"delta": {"content": {"type": "text", "text": "LOST "}}},
        {"delta": {"content": [{"type": "output_text", "text": ["LOST "]}]}},
        {"delta": {}, "message": {"content": "LOST "}},
        {"delta": {"content": ""}, "message": {"content": ["LOST "]}},
        {"message": "LOST "},
        {"text": "LOST "},
        {"delta": {}, "text": "LOST "},
        {"delta": {"content": "LOST "}, "text": "LOST "},
        {"delta": {"content": "LOST "}, "text": 5},
        {"delta": {"content": "LO", "refusal": "ST "}},
        {"delta": {"content": None, "refusal": "LOST "}},
    ],
)
def test_text_in_an_unusual_form_or_place_is_shown(choice):
    decoder = AnswerDecoder()
    body = json.dumps({"choices": [choice]}).encode()
    assert decoder.decode([event("a "), body, event("b")]).content == "a LOST b"
    assert not decoder.malformed
    assert AnswerDecoder().decode_whole(body).content + AnswerDecoder().finish().content == "LOST "


@pytest.mark.parametrize("value", [5, True, {"a": "LOST"}, [5], [{"text": 5}], [{"type": "text", "txt": "LOST"}]])
@pytest.mark.parametrize("name", ["delta", "message", "content", "text"])
def test_text_that_cannot_be_read_is_malformed(name, value):
    if name in ("delta", "message") and isinstance(value, dict):
        return  # an object with other fields only, which has no text
    choice = {"delta": {"content": value}} if name == "content" else {name: value}
    decoder = AnswerDecoder()
    assert decoder.decode([event("a"), json.dumps({"choices": [choice]}).encode()]).content == "a"
    assert decoder.malformed


def test_a_part_with_thoughts_is_reasoning():
    parts = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "yes"}]
    delta = AnswerDecoder().decode([event(parts)])
    assert (delta.reasoning, delta.content) == ("hm", "yes")


@pytest.mark.parametrize("error", [{}, 0, 0.0, False, "", [], [{}], {"message": "", "code": 0}, {"type": None}])
def test_an_empty_error_beside_an_answer_is_none(error):
    decoder = AnswerDecoder()
    assert decoder.decode([event("a", error=error), event("b")]).content == "ab"
    assert decoder.error is None


@pytest.mark.parametrize("error", [{"message": "no"}, 500, "no", True, {"code": 500}])
def test_an_error_beside_an_answer_is_one(error):
    decoder = AnswerDecoder()
    decoder.decode([event("a", error=error)])
    assert decoder.error is not None


def test_choices_that_are_null_are_absent():
    decoder = AnswerDecoder()
    nulls = b'{"choices":[null]}', b'{"choices":[null,{"delta":{"content":"b"}}]}'
    assert decoder.decode([event("a"), *nulls]).content == "ab"
    assert not decoder.malformed


@pytest.mark.parametrize("unit", [b"{}", b"null", b"0", b'{"delta":{}}'])
def test_many_tiny_values_take_little_memory(unit):
    size = 8 * 1024 * 1024 // (len(unit) + 1)
    for choices in (b'{"choices":[%b]}', b'{"choices":[],"x":[%b]}'):
        body = choices % b",".join([unit] * size)
        tracemalloc.start()
        try:
            decoder = AnswerDecoder()
            decoder.decode([body])
            with suppress(MalformedError):
                AnswerDecoder().decode_whole(body)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 96 * 1024 * 1024


def test_a_count_of_many_digits_is_none():
    usage = b'{"choices":[{"delta":{"content":"x"}}],"usage":{"prompt_tokens":%b}}' % (b"9" * 5000)
    delta = AnswerDecoder().decode([usage])
    assert (delta.content, delta.usage) == ("x", None)


def test_numbers_in_any_form_are_counted():
    usage = {"prompt_tokens": "5", "completion_tokens": 1.0, "prompt_tokens_details": {"cached_tokens": "x"}}
    delta = AnswerDecoder().decode([json.dumps({"usage": usage}).encode()])
    assert delta.usage == Usage(prompt_tokens=5, completion_tokens=1)


def test_a_done_mark_may_have_blanks_around_it():
    decoder = AnswerDecoder()
    assert decoder.decode([event("a"), b" [DONE] "]).content == "a"
    assert decoder.done


def test_text_before_a_bad_event_is_kept():
    decoder = AnswerDecoder()
    assert decoder.decode([event("Hello "), event("world"), b"{oops", event("!")]).content == "Hello world"
    assert decoder.malformed
    assert decoder.done


@pytest.mark.parametrize(
    "data",
    [b"nonsense", b"[1,2]", b'"text"', b'{"choices":[{"delta":{"content":5}}]}', b'{"a":1},{"b":2}', b"[" * 5000],
)
def test_data_that_is_not_a_chunk_is_rejected(data):
    decoder = AnswerDecoder()
    assert decoder.decode([data]) == Delta()
    assert decoder.malformed
    with pytest.raises(MalformedError):
        AnswerDecoder().decode_whole(data)


def test_a_whole_answer_of_a_server_that_does_not_stream():
    body = {
        "model": "m",
        "choices": [
            {"message": {"role": "assistant", "content": "Hello", "reasoning_content": "hm"}, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1},
    }
    decoder = AnswerDecoder()
    assert decoder.decode_whole(json.dumps(body).encode()) == Delta(
        content="Hello",
        reasoning="hm",
        finish_reason="stop",
        model="m",
        usage=Usage(prompt_tokens=1, completion_tokens=1),
    )
    assert decoder.done


@given(st.lists(st.text(), max_size=20))
def test_text_comes_through_whatever_it_is(pieces):
    decoder = AnswerDecoder()
    delta = decoder.decode([event(piece) for piece in pieces])
    assert delta.content + decoder.finish().content == "".join(pieces)


@given(st.lists(st.binary(max_size=60), max_size=5))
def test_no_events_break_it(events):
    AnswerDecoder().decode(events)
