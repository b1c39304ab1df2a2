"""Calls of tools: joined from what servers stream, and written as the next request takes them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.openai.chunks import AnswerDecoder
from kaito.openai.request_messages import request_messages
from kaito.openai.tool_calls import ToolCallJoiner
from kaito.testing.response_bodies import call_fragments, call_object
from kaito.types import Image, Message, ToolCall
from kaito.util import limits

PARIS = ToolCall(id="a", name="weather", arguments='{"city": "Paris"}')
ROME = ToolCall(id="b", name="weather", arguments='{"city": "Rome {\\"}"}')


def joined(*values):
    joiner = ToolCallJoiner()
    for value in values:
        joiner.add(json.dumps(value).encode())
    return joiner.calls()


def fragment(index=None, identity=None, name=None, arguments=None):
    return [{"index": index, "id": identity, "function": {"name": name, "arguments": arguments}}]


@pytest.mark.parametrize(
    "values",
    [
        # OpenAI, vLLM
        [[each] for each in call_fragments([PARIS, ROME])],
        # not streamed
        [[call_object(PARIS), call_object(ROME)]],
        # SGLang: the identity with each fragment
        [
            fragment(0, "a", "weather", ""),
            fragment(0, "a", None, '{"city": '),
            fragment(0, "a", None, '"Paris"}'),
            fragment(0, "b", "weather", ROME.arguments[:20]),
            fragment(0, "b", None, ROME.arguments[20:]),
        ],
        # LMDeploy and Gemini: all calls have the number 0
        [fragment(0, "a", "weather", PARIS.arguments), fragment(0, "b", "weather", ROME.arguments)],
        [
            fragment(0, "a", "weather", ""),
            fragment(0, "", None, PARIS.arguments),
            fragment(0, "b", "weather", None),
            fragment(0, "", None, ROME.arguments),
        ],
        # the number is missing
        [
            fragment(None, "a", "weather", ""),
            fragment(None, None, None, PARIS.arguments),
            fragment(None, "b", "weather", "{"),
            fragment(None, "b", "weather", ROME.arguments[1:]),
        ],
        # the arguments as an object, the name repeated, and rubbish around it
        [
            fragment(0, "a", "weather"),
            fragment(0, "a", "weather", {"city": "Paris"}),
            "x",
            None,
            5,
            [None, 3, []],
            fragment(1, "b", "wea"),
            fragment(1, None, "ther", ROME.arguments),
            {"index": True, "function": 7},
        ],
    ],
)
def test_the_calls_are_those_that_the_server_means(values):
    assert joined(*values) == (PARIS, ROME)


def test_calls_without_identities_are_told_apart_by_their_complete_arguments():
    calls = joined(fragment(0, "", "weather", PARIS.arguments), fragment(0, "", "weather", ROME.arguments))
    assert calls == (PARIS.replace(id=""), ROME.replace(id=""))
    [call] = joined(fragment(0, "", "weather", '{"a": '), fragment(0, "", "weather", "1}"))
    assert call.arguments == '{"a": 1}'


def test_a_call_without_a_name_is_left_out():
    assert joined(fragment(0, "a", None, "{}"), fragment(1, "b", " ", "{}"), fragment(2)) == ()


@given(st.text(), st.integers(1, 4), st.integers(1, 4))
def test_arguments_in_any_pieces_are_the_same(text, first, second):
    arguments = json.dumps({"text": text, "list": [{}]})
    pieces = [arguments[start : start + first] for start in range(0, len(arguments), first)]
    more = [arguments[start : start + second] for start in range(0, len(arguments), second)]
    values = [fragment(0, None, "f", piece) for piece in pieces] + [fragment(0, None, "f", piece) for piece in more]
    assert [call.arguments for call in joined(*values)] == [arguments, arguments]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.sampled_from(["{", "}", '"', "\\", "f"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["index", "id", "function", "name", "arguments", "type"]), inner, max_size=5)
    ),
    max_leaves=12,
)


@given(st.lists(JSON, max_size=6))
def test_whatever_a_server_sends_makes_calls_or_nothing(values):
    for call in joined(*values):
        assert call.name.strip()
        assert isinstance(call.arguments, str)
        call.name.encode()
        call.arguments.encode()


def test_the_calls_are_bounded():
    joiner = ToolCallJoiner()
    for number in range(limits.TOOL_CALLS + 9):
        joiner.add(json.dumps(fragment(number, str(number), "f", "{}")).encode())
    assert joiner.too_large
    assert len(joiner.calls()) == limits.TOOL_CALLS + 1
    joiner = ToolCallJoiner()
    joiner.add(b'[{"index": 0, "function": {"name": "' + b"x" * limits.TOOL_CALL_BYTES + b'"}}]')
    assert joiner.too_large
    assert joiner.calls() == ()


# Within an answer


def decoded(*deltas, reason="tool_calls"):
    decoder = AnswerDecoder()
    events = [json.dumps({"choices": [{"index": 0, "delta": delta}]}).encode() for delta in deltas]
    events += [json.dumps({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}).encode()]
    for event in events:
        assert decoder.decode([event]).tool_calls == ()
    decoder.decode([b"[DONE]"])
    return decoder, decoder.finish()


@pytest.mark.parametrize(("reason", "shown"), [("tool_calls", None), ("stop", "tool_calls"), ("function_call", None)])
def test_the_last_delta_has_the_calls(reason, shown):
    deltas = [{"tool_calls": [each]} for each in call_fragments([PARIS, ROME])]
    _, last = decoded(*deltas, reason=reason)
    assert (last.tool_calls, last.finish_reason) == ((PARIS, ROME), shown)


@pytest.mark.parametrize("reason", ["length", "content_filter", "abort"])
def test_an_answer_that_was_cut_has_no_calls(reason):
    _, last = decoded({"tool_calls": [call_object(PARIS)]}, reason=reason)
    assert last.tool_calls == ()


def test_half_characters_of_arguments_are_joined():
    deltas = [
        {"tool_calls": fragment(0, "a", "f", '{"a": "\ud83d')},
        {"tool_calls": fragment(0, None, None, '\ude00"}')},
    ]
    _, last = decoded(*deltas)
    assert last.tool_calls == (ToolCall(id="a", name="f", arguments='{"a": "😀"}'),)


def test_too_many_calls_end_the_answer():
    calls = [call_object(PARIS.replace(id=str(number))) for number in range(limits.TOOL_CALLS + 1)]
    decoder = AnswerDecoder()
    decoder.decode([json.dumps({"choices": [{"delta": {"tool_calls": calls}}]}).encode()])
    assert decoder.too_long
    assert decoder.done


# In a request


def test_messages_of_text_are_sent_as_they_are():
    messages = (Message("system", "x"), Message("user", "y"))
    assert request_messages(messages) is messages


def test_an_image_precedes_the_text():
    image = Image(b"GIF", "image/gif", "a.gif")
    part = {"type": "image_url", "image_url": {"url": "data:image/gif;base64,R0lG"}}
    text = {"type": "text", "text": "What is it?"}
    messages = [Message("user", "What is it?", images=(image, image)), Message("user", "", images=(image,))]
    assert request_messages([*messages, Message("user", "x")]) == [
        {"role": "user", "content": [part, part, text]},
        {"role": "user", "content": [part]},
        Message("user", "x"),
    ]


def test_calls_with_results_are_sent_as_calls():
    calls = Message("assistant", "", tool_calls=(PARIS, ToolCall(id="b", name="now")))
    results = [Message("tool", "sun", tool_call_id="b"), Message("tool", "rain", tool_call_id="a")]
    assert request_messages([calls, *results, Message("assistant", "It rains")]) == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [call_object(PARIS), call_object(ToolCall(id="b", name="now", arguments="{}"))],
        },
        *results,
        Message("assistant", "It rains"),
    ]


@pytest.mark.parametrize("following", [[], [Message("user", "go on")], [Message("tool", "sun", tool_call_id="b")]])
def test_calls_without_results_are_sent_as_text(following):
    first, *_ = request_messages([Message("assistant", "Let me see", tool_calls=(PARIS,)), *following])
    assert first == Message("assistant", 'Let me see\n[tool call] weather({"city": "Paris"})')
