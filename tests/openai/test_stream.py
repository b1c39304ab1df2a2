"""Answers as servers really send them: their ends, their parts, and streams that are cut anywhere."""

import json
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaito.types import Usage
from kaito.util import limits
from kaito.util.sanitize import sanitize
from tests.openai.cut_streams import DONE, USAGE, cut, event, received

HALVES = "🤖".encode("utf-16-be", "surrogatepass").decode("utf-16-be")
EMOJI = r'data: {"choices":[{"delta":{"content":"\ud83e"}}]}', r'data: {"choices":[{"delta":{"content":"\udd16"}}]}'
HALF, OTHER_HALF = (half.encode() + b"\n\n" for half in EMOJI)

PIECES = st.sampled_from(
    [
        event("Hello "),
        event("wörld 🤖\u2028\n"),
        event("x", "stop"),
        event("", "stop"),
        event(None, "null"),
        event(None, {"type": "length", "length": 5}),
        event("<thi"),
        event("nk>hm</"),
        event("think> yes"),
        event("[THINK]"),
        event(" "),
        event(reasoning_content="hm"),
        event(refusal="no"),
        event(tool_calls=[{"id": "a", "function": {"name": "f", "arguments": ""}}]),
        event([{"type": "text", "text": "part"}]),
        event(5),
        HALF,
        OTHER_HALF,
        b'data: {"choices":[{"delta":{"content":"\xf0\x9f"}}]}\n\n',
        b'data: {"choices":[{"delta":{"content":"\x98\x80"}}]}\n\n',
        USAGE,
        b'data: {"choices":[],"usage":{"prompt_tokens":-1}}\n\n',
        b'data: {"error":{"message":"CUDA out of memory"}}\n\n',
        b'data: {"model":null,"choices":[]}\n\n',
        b'data: {"model":"other","choices":[]}\n\n',
        b"data: nonsense\n\n",
        b"data: " + b"[" * 3000 + b"\n\n",
        b"event: ping\ndata: {}\n\n",
        b"event: error\r\ndata: boom\r\n\r\n",
        b"event: message\r\rdata: {}\r\r",
        b": comment\n\n",
        b"data:\n\n",
        DONE,
        b"data: [DONE]",
    ]
)


def outcome(*reads, **options):
    reply, failure = received(*reads, **options)
    return reply, failure.partition(": it sent ")[0]  # what it sent is quoted as far as it was read


@settings(max_examples=300)
@given(
    st.lists(PIECES, max_size=12).map(b"".join), st.lists(st.integers(1, 90), min_size=1, max_size=30), st.booleans()
)
def test_a_stream_cut_into_reads_in_any_way_makes_the_same_reply(stream, sizes, marked):
    stream = b"\xef\xbb\xbf" + stream if marked else stream
    assert outcome(*cut(stream, sizes)) == outcome(stream)


@given(
    st.lists(PIECES, max_size=6).map(b"".join) | st.binary(max_size=200), st.sampled_from(["", "text/plain", "a/json"])
)
def test_so_does_a_body_of_another_content_type(body, content_type):
    assert outcome(*cut(body, [1]), content_type=content_type) == outcome(body, content_type=content_type)


def test_the_model_is_known_when_the_usage_arrives_in_the_same_read():
    usage = b'data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2}}\n\n'
    reply, failure = received(event("Hello", "stop") + usage + DONE)
    assert (reply.model, reply.usage, failure) == ("m", Usage(prompt_tokens=5, completion_tokens=2), "")


# Ends


@pytest.mark.parametrize(
    "reason",
    ["stop", "eos", "eos_token", "end_turn", "STOP", "stop_sequence", "length", "content_filter", "tool_calls"],
)
def test_an_answer_with_a_usual_finish_reason_is_complete(reason):
    reply, failure = received(event("Hello", reason))
    assert (reply.content, reply.finish_reason, failure) == ("Hello", reason, "")


@pytest.mark.parametrize("reason", ["abort", "error", "cancelled", "engine_died", "x" * 10_000, {"type": "abort"}])
def test_any_other_finish_reason_is_a_failure(reason):
    for end in (b"", DONE):
        reply, failure = received(event("Hello") + event(None, reason) + end)
        assert reply.content == "Hello"
        assert failure.startswith("The server broke the answer off: its finish reason is '")
        assert len(failure) < 500


def test_text_after_a_finish_reason_is_read():
    stream = event("Hel", "stop") + event("lo", "stop") + event(" you", "stop") + DONE
    assert received(*cut(stream, [60]))[0].content == "Hello you"
    stream = event(None, "stop", reasoning_content="hm") + event("yes") + event(None, "stop") + DONE
    assert received(stream)[0].content == "yes"


@pytest.mark.parametrize("reason", [None, "null", "None", "", 5, [], {}])
def test_what_says_no_reason_is_none(reason):
    assert received(event("Hello", reason))[1] == "The stream ended early: no finish reason was sent"
    reply, failure = received(event("Hello", reason) + DONE)
    assert (reply.finish_reason, failure) == ("stop", "")


def test_an_object_in_place_of_a_reason_is_read_for_its_type():
    assert received(event("Hello", {"type": "length", "length": 16}))[0].finish_reason == "length"


# Parts


def test_a_refusal_is_the_answer():
    assert received(event(refusal="I can") + event(refusal="not.") + DONE)[0].content == "I cannot."


@pytest.mark.parametrize(
    "delta",
    [
        {"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": "{}"}}]},
        {"tool_calls": {"name": "f"}, "refusal": "I ask f"},
    ],
)
def test_a_tool_call_is_the_finish_reason(delta):
    assert received(event(**delta) + event(None, "stop") + DONE)[0].finish_reason == "tool_calls"
    assert received(event(None, "stop", **delta) + event(" "))[0].finish_reason == "tool_calls"
    assert received(event("Hi", "stop", tool_calls=[]) + DONE)[0].finish_reason == "stop"


def test_an_emoji_whose_halves_come_in_two_events_is_whole():
    assert received(HALF + OTHER_HALF + DONE)[0].content == "🤖"
    assert received(HALF, OTHER_HALF, DONE)[0].content == "🤖"
    assert received(HALF + event("x") + DONE)[0].content == "\ufffdx"
    assert received(HALF + DONE)[0].content == "\ufffd"
    halves = b'data: {"choices":[{"delta":{"content":"\xf0\x9f"}}]}\n\n', b'data: {"choices":[{"delta":{"content":"\x98\x80"}}]}\n\n'  # fmt: skip
    assert received(*halves, DONE)[0].content == "😀"


# What is no answer


@pytest.mark.parametrize(
    ("body", "content_type", "sent"),
    [
        (b"", "application/json", "nothing"),
        (b"  \n", "text/plain", "nothing"),
        (b"pong", "text/plain", "'pong'"),
        (b'{"status":"ok"}', "application/json", '\'{"status":"ok"}\''),
        (b'"text"', "application/json", "'text'"),
        (b"<html><head><title>Sign in</title></head></html>", "text/plain", "the web page 'Sign in'"),
        (b"\x00\x01\xff\xfe" * 50, "application/octet-stream", "binary data (application/octet-stream)"),
        (b": nothing\n\n", "text/event-stream", "': nothing'"),
        (b"data: hello\n\n", "text/event-stream", "'hello'"),
        (b"[" * 5000, "application/json", "'" + "[" * 200 + "…'"),
    ],
)
def test_a_200_that_is_no_answer_says_what_it_was(body, content_type, sent):
    failure = received(body, content_type=content_type)[1]
    assert failure == f"The server's answer is not a chat completion: it sent {sent}"


@pytest.mark.parametrize(
    "body",
    [
        b'{"error":"boom"}',
        b'{"error":{"message":"boom"}}',
        b'{"detail":"boom"}',
        b'{"message":"boom"}',
        b'{"object":"error","message":"boom","code":500}',
        b'{"error":"{\\"error\\":{\\"message\\":\\"boom\\"}}"}',
        b'{"error":[{"message":"boom"}]}',
    ],
)
def test_an_error_in_any_shape_is_an_error(body):
    assert received(event("Hel") + b"data: " + body + b"\n\n" + DONE)[1] == "boom"
    assert received(body, content_type="application/json")[1] == "boom"


@pytest.mark.parametrize(
    "data",
    [
        b"boom",
        b'{"message":"boom"}',
        b'{"detail":"boom"}',
        b'[{"msg":"boom"}]',
        b'"{\\"error\\":\\"boom\\"}"',
        b'["boom"]',
    ],
)
def test_an_event_named_error_is_an_error_whatever_its_shape(data):
    reply, failure = received(event("Hel") + b"event: error\ndata: " + data + b"\n\n" + event("lo") + DONE)
    assert (reply.content, failure) == ("Hel", "boom")


@pytest.mark.parametrize("encoding", ["x-snappy", "gzip, br", "LZ77"])
def test_an_unknown_content_encoding_says_so(encoding):
    failure = received(event("Hello", "stop"), **{"Content-Encoding": encoding})[1]
    assert failure == f"The server's answer has the content encoding '{encoding.lower()}', which cannot be decoded"


# Bounds


@pytest.mark.parametrize("name", ["content", "reasoning"])
def test_an_answer_that_does_not_end_is_limited(monkeypatch, name):
    monkeypatch.setattr(limits, "ANSWER", 1000)
    reply, failure = received(*[event(**{name: "word " * 10})] * 100)
    assert failure.startswith("The answer is longer than ")
    assert len(reply.content) + len(reply.reasoning) == 1000


def test_worst_answers_take_a_small_multiple_of_their_size():
    deep = b'{"choices":[{"delta":{"content":"x"}}],"z":' + b"[" * 400_000 + b"]" * 400_000 + b"}"
    many = b'{"choices":[{"delta":{"content":"\\ud83d"}}],"z":[' + b"[]," * 300_000 + b"0]}"
    named = json.dumps({"model": "m" * 7_000_000, "choices": [{"delta": {"content": "x"}}]}).encode()
    error = b'{"error":[' + b'{"message":"x"},' * 60_000 + b"0]}"
    tracemalloc.start()
    try:
        for body in (deep, many, named, error):
            tracemalloc.reset_peak()
            received(*cut(b"data: " + body + b"\n\n" + DONE, [96 * 1024]))
            assert tracemalloc.get_traced_memory()[1] < 100 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_a_long_answer_in_small_pieces_takes_a_small_multiple_of_its_size():
    reads = [event("word") * 20] * 10_000
    tracemalloc.start()
    try:
        reply, _ = received(*reads, event(None, "stop"), DONE)
        assert tracemalloc.get_traced_memory()[1] < 20 * len(reply.content)
    finally:
        tracemalloc.stop()


# Bodies whose content type or beginning is odd


@pytest.mark.parametrize("content_type", ["text/plain", "application/json", "text/event-stream"])
@pytest.mark.parametrize("padding", [b"\n" * 64, b" \r\n" * 500, b"\xef\xbb\xbf" + b"\n" * 64])
def test_blanks_before_an_answer_are_skipped(content_type, padding):
    stream = padding + event("Hello", "stop") + DONE
    whole = padding + b'{"choices":[{"message":{"content":"Hello"},"finish_reason":"stop"}]}'
    for body in (stream, whole):
        for reads in ((body,), cut(body, [7]), cut(body, [1])):
            reply, failure = received(*reads, content_type=content_type)
            assert (reply.content, failure) == ("Hello", "")


def test_a_whole_answer_may_have_the_type_of_a_stream():
    body = json.dumps({"choices": [{"message": {"content": "a\n\nb"}, "finish_reason": "stop"}]}, indent=1)
    for separated in (body, body.replace("\n", "\n\n"), body.replace("\n", "\r\n")):
        reply, failure = received(*cut(separated.encode(), [9]))
        assert (reply.content, failure) == ("a\n\nb", "")


def test_a_stream_may_begin_with_a_line_that_is_not_its_format():
    assert received(*cut(b"{proxy}\n\n" + event("Hello", "stop") + DONE, [5]))[0].content == "Hello"


@pytest.mark.parametrize("encoding", ["x\x9b", "\x1b[31mx", "x\x9d0;t", "x\x90", "x\u202e", "x\x1b["])
def test_a_content_encoding_does_not_swallow_the_message(encoding):
    failure = received(event("a"), **{"Content-Encoding": encoding})[1]
    assert failure.startswith("The server's answer has the content encoding '")
    assert sanitize(failure) == failure
    assert failure.endswith("', which cannot be decoded")


@pytest.mark.parametrize("reason", ["x\x9b", "\x1b]0;t", "x\n\x90"])
def test_a_finish_reason_does_not_swallow_the_message(reason):
    failure = received(event("a", reason) + DONE)[1]
    assert sanitize(failure) == failure
    assert failure.endswith("'")
