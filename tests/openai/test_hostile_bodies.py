"""Bodies of models' servers, changed at random: only documented errors come out."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from kaito.openai.chunks import AnswerDecoder
from kaito.openai.error_bodies import describe
from kaito.openai.error_responses import parse_error_event, parse_error_response
from kaito.openai.schema import MalformedError
from kaito.openai.server_info import parse_models, parse_template, parse_token_count
from tests.mutations import mutated_json

USAGE = {"prompt_tokens": 5, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 1}}
CHUNK = {
    "model": "m",
    "object": "chat.completion.chunk",
    "choices": [
        {
            "index": 0,
            "delta": {"role": "assistant", "content": "text", "reasoning_content": "thought", "tool_calls": []},
            "finish_reason": "stop",
        }
    ],
    "usage": USAGE,
}
ANSWER = {"model": "m", "choices": [{"message": {"content": "text", "refusal": None}, "finish_reason": "stop"}]}
MODELS = {"object": "list", "data": [{"id": "m", "max_model_len": 5, "parent": "p", "meta": {"n_ctx": 7}}]}
ERROR = {
    "error": {"message": "too long", "type": "t", "code": "c", "param": "p", "n_ctx": 5, "n_prompt_tokens": 7},
    "detail": [{"loc": ["body", 0], "msg": "m"}],
    "object": "error",
}


@given(st.lists(mutated_json(CHUNK, ERROR), max_size=4))
def test_mutated_events_are_merged_or_malformed(events: list[bytes]):
    decoder = AnswerDecoder()
    for event in events:
        delta = decoder.decode([event])
        assert isinstance(delta.content, str)
        assert isinstance(delta.reasoning, str)
    decoder.finish()


@given(mutated_json(ANSWER, ERROR, CHUNK))
def test_a_mutated_answer_is_read_or_malformed(body: bytes):
    decoder = AnswerDecoder()
    with suppress(MalformedError):
        decoder.decode_whole(body)
        decoder.finish()


@given(mutated_json(MODELS, {"count": 5, "tokens": [1, 2]}, {"prompt": "x"}))
def test_mutated_lists_counts_and_templates_are_known_or_unknown(body: bytes):
    for model in parse_models(body) or ():
        assert isinstance(model.name, str)
        assert model.window is None or model.window > 0
    count = parse_token_count(body)
    assert count is None or count >= 0
    template = parse_template(body)
    assert template is None or isinstance(template, str)


@given(mutated_json(ERROR), st.integers(300, 599), st.sampled_from(["", "text/html", "application/json"]))
def test_a_mutated_error_is_an_error(body: bytes, status: int, content_type: str):
    error = parse_error_response(status, {"Content-Type": content_type, "Retry-After": "x"}, body)
    assert isinstance(error.message, str)
    assert error.message
    assert parse_error_event(body).message
    assert describe(body, content_type)
