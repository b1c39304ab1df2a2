"""Answers: their parts, their pieces, and streams that end early."""

import asyncio
import gc
import time
from contextlib import aclosing
from functools import partial

import pytest

from kaito.errors import (
    ConnectError,
    KaitoError,
    ModelError,
    StreamError,
)
from kaito.openai.client import ChatClient
from kaito.settings import Settings
from kaito.testing import (
    Cut,
    ErrorEvent,
    Gate,
    Hang,
    Raw,
    Say,
)
from kaito.types import Delta, Usage
from tests.chat.talk import Chat, contents, endpoint, failure, request

# Complete answers


def test_an_answer(model_server, chat):
    model_server.enqueue(Say("Hello there"))
    assert chat.ask() == Delta(
        content="Hello there",
        finish_reason="stop",
        usage=Usage(prompt_tokens=1, completion_tokens=2),
        model="test-model",
    )
    [sent] = model_server.chats
    assert sent.path == "/v1/chat/completions"
    assert sent.body == {
        "messages": [{"role": "user", "content": "Hi"}],
        "temperature": 0.7,
        "max_tokens": 1024,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert sent.headers["content-type"] == "application/json"
    assert sent.headers["user-agent"].startswith("kaito/")
    assert "authorization" not in sent.headers
    assert "cookie" not in sent.headers


def test_all_fields_of_a_request(model_server, chat):
    chat.ask(request(model="test-model", top_p=0.9, extra={"seed": 1, "stop": ["x"]}))
    body = model_server.chats[-1].body
    assert (body["model"], body["top_p"], body["seed"], body["stop"]) == ("test-model", 0.9, 1, ["x"])


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("split", [None, 1, 7])
def test_any_framing(model_server, chat, newline, split):
    model_server.enqueue(Say("naïve 🤖\u2028 words", newline=newline, split=split, comments=True))
    assert chat.ask().content == "naïve 🤖\u2028 words"


def test_pieces_arrive_one_by_one(model_server):
    gate = Gate()
    model_server.enqueue(Say(chunks=["Hel", gate, "lo"]))

    async def first_then_rest():
        async with ChatClient(endpoint(model_server.url), Settings()) as client, aclosing(contents(client)) as pieces:
            first = ""
            while not first:
                first = await anext(pieces)
            gate.open()
            return first, "".join([piece async for piece in pieces])

    assert asyncio.run(first_then_rest()) == ("Hel", "lo")


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
def test_reasoning(model_server, chat, field):
    model_server.enqueue(Say("yes", reasoning="hm hm", reasoning_field=field))
    answer = chat.ask()
    assert (answer.reasoning, answer.content) == ("hm hm", "yes")


def test_a_server_that_does_not_stream(model_server, chat):
    model_server.enqueue(Say("Hello there", unstreamed=True))
    answer = chat.ask()
    assert (answer.content, answer.finish_reason) == ("Hello there", "stop")
    assert answer.usage is not None


def test_a_request_without_streaming(model_server, chat):
    model_server.enqueue(Say("Hello", reasoning="hm"))
    answer = chat.ask(request(stream=False))
    assert (answer.content, answer.reasoning) == ("Hello", "hm")
    assert "stream_options" not in model_server.chats[-1].body


@pytest.mark.parametrize("content_type", [None, "application/octet-stream", "text/plain"])
def test_an_unspecific_content_type(model_server, chat, content_type):
    model_server.enqueue(
        Say("Hello", content_type=content_type), Say("Hello", content_type=content_type, unstreamed=True)
    )
    assert [answer.content for answer in chat.turns(request(), request())] == ["Hello", "Hello"]


def test_no_usage(model_server, chat):
    model_server.enqueue(Say("Hello", usage=False))
    assert chat.ask().usage is None


def test_a_stream_without_a_done_mark(model_server, chat):
    model_server.enqueue(Say("Hello", done=False))
    assert chat.ask().content == "Hello"


def test_a_stream_that_is_not_closed_after_the_answer(model_server, chat):
    model_server.enqueue(Say("Hello", linger=3600))
    started = time.monotonic()
    assert chat.ask().content == "Hello"
    assert time.monotonic() - started < 60


def test_a_stream_without_a_done_mark_that_is_not_closed(model_server, chat):
    model_server.enqueue(Say("Hello", linger=3600, done=False))
    started = time.monotonic()
    assert chat.ask().content == "Hello"
    assert time.monotonic() - started < 60


def test_silence_after_a_finish_reason_ends_an_answer(model_server, monkeypatch):
    monkeypatch.setattr("kaito.openai.stream._SILENCE", 0.05)
    assert outcome(model_server, GOOD + STOP, Gate()) == ("Hello", "")


def test_each_event_after_a_finish_reason_restarts_the_silence(model_server, monkeypatch):
    monkeypatch.setattr("kaito.openai.stream._SILENCE", 1.0)
    both = b'data: {"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}\n\n'
    model_server.enqueue(Raw([HEAD, *[both] * 6], delay=0.3))
    assert Chat(model_server.url).ask().content == "aaaaaa"


def test_a_connection_that_is_lost_after_a_reason_that_said_nothing_is_an_error(model_server):
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 5000\r\n\r\n"
    both = b'data: {"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}\n\n'
    model_server.enqueue(Raw(head + both + both), Raw(head + GOOD + STOP))
    chat = Chat(model_server.url)
    assert "the connection was lost" in failure(chat, StreamError).message
    assert chat.ask().content == "Hello"


# Answers that fail


@pytest.mark.parametrize("how", ["end", "close", "chunk"])
def test_a_cut_answer(model_server, how):
    model_server.enqueue(Cut("Hello there", how=how))
    got = []

    async def ask():
        async with ChatClient(endpoint(model_server.url), Settings()) as client:
            async for piece in contents(client):
                got.append(piece)

    with pytest.raises(StreamError, match="The stream ended early"):
        asyncio.run(ask())
    assert "".join(got) == "Hello there"
    assert len(model_server.chats) == 1


def test_a_body_without_a_finish_reason_and_a_done_mark_is_broken(model_server, chat):
    model_server.enqueue(Say("Hello", finish_reason=None, done=False))
    assert "no finish reason was sent" in failure(chat, StreamError).message


def test_an_error_in_mid_stream(model_server, chat):
    model_server.enqueue(ErrorEvent("Hel", {"message": "CUDA out of memory", "code": 500}))
    assert failure(chat, ModelError).message == "CUDA out of memory"


def test_a_long_answer_is_yielded_in_small_pieces(model_server, chat):
    text, thought = "word " * 40_000, "hm " * 3000
    model_server.enqueue(Say(text, reasoning=thought))

    async def pieces():
        async with (
            ChatClient(endpoint(model_server.url), Settings()) as client,
            aclosing(client.stream(request(stream=False))) as items,
        ):
            return [item async for item in items]

    got = asyncio.run(pieces())
    assert max(len(piece.content) + len(piece.reasoning) for piece in got) <= 4096
    assert "".join(piece.content for piece in got) == text
    assert "".join(piece.reasoning for piece in got) == thought
    assert [piece.finish_reason for piece in got if piece.finish_reason] == ["stop"]


def test_a_whole_answer_that_is_an_error(model_server, chat):
    body = b'{"error":{"message":"CUDA out of memory"}}'
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    model_server.enqueue(Raw(head + body))
    assert failure(chat, ModelError).message == "CUDA out of memory"


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
GOOD = b'data: {"choices":[{"delta":{"content":"Hello"}}]}\n\n'
STOP = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'


def outcome(model_server, *pieces, settings=None):
    """Return the text of an answer of these bytes, and its error message."""
    model_server.enqueue(Raw([HEAD, *pieces], delay=0.01))
    got = []

    async def ask():
        async with ChatClient(endpoint(model_server.url), settings or Settings()) as client:
            async for piece in contents(client):
                got.append(piece)

    try:
        asyncio.run(ask())
    except KaitoError as exc:
        return "".join(got), exc.message
    return "".join(got), ""


def test_an_error_is_reported_though_the_body_does_not_end(model_server):
    gate = Gate()
    error = b'data: {"error":{"message":"CUDA out of memory"}}\n\ndata: [DONE]\n\n'
    assert outcome(model_server, GOOD, error, gate) == ("Hello", "CUDA out of memory")


def test_a_done_mark_ends_an_answer_without_a_finish_reason_though_the_body_does_not_end(model_server):
    assert outcome(model_server, GOOD, b"data: [DONE]\n\n", Gate()) == ("Hello", "")


def test_a_done_mark_ends_an_answer_without_its_blank_line(model_server):
    assert outcome(model_server, GOOD, b"data: [DONE]") == ("Hello", "")


def test_text_before_a_bad_event_is_yielded(model_server):
    text, message = outcome(model_server, GOOD + b"data: {oops\n\n")
    assert (text, "not a chat completion" in message) == ("Hello", True)


def test_pings_after_the_answer_are_not_waited_for(model_server):
    started = time.monotonic()
    assert outcome(model_server, GOOD + STOP, *[b": ping\n\n"] * 10_000) == ("Hello", "")
    assert time.monotonic() - started < 60


def test_a_stream_under_a_wrong_content_type(model_server, chat):
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
    model_server.enqueue(Raw([head, b"\n\n", GOOD, STOP], delay=0.01))
    assert chat.ask().content == "Hello"


def test_a_whole_answer_that_begins_with_blanks(model_server, chat):
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"
    model_server.enqueue(
        Raw([head, b"\n ", b'{"choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}]}'], delay=0.01)
    )
    assert chat.ask().content == "Hi"


def test_an_answer_in_one_piece_is_limited(model_server, chat, monkeypatch):
    monkeypatch.setattr("kaito.util.limits.WHOLE_ANSWER", 1000)
    model_server.enqueue(Raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + b" " * 5000))
    assert "not a chat completion" in failure(chat, StreamError).message


def test_an_error_response_whose_body_is_cut(model_server, chat):
    head = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 500\r\n\r\n"
    model_server.enqueue(Raw(head + b"temperature is out of bounds"))
    assert "temperature is out of bounds (HTTP 400)" in failure(chat, ConnectError).hints[2]


def test_a_request_that_cannot_be_json(model_server, chat):
    error = failure(chat, KaitoError, request(extra={"x": object()}))
    assert "cannot be written as JSON" in error.message
    assert model_server.requests == []


@pytest.mark.parametrize("event", [b"nonsense", b'["x"]', b'{"choices":5}'])
def test_events_that_are_not_chunks(model_server, chat, event):
    model_server.enqueue(Raw(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: " + event + b"\n\n"))
    assert "not a chat completion" in failure(chat, StreamError).message


def test_an_event_without_end(model_server, chat, monkeypatch):
    monkeypatch.setattr("kaito.openai.sse.MAX_EVENT", 1000)
    model_server.enqueue(Raw(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: " + b"x" * 5000))
    assert "not a chat completion" in failure(chat, StreamError).message


def test_a_server_that_stops_sending(model_server):
    model_server.enqueue(Hang("Hel"))
    error = failure(Chat(model_server.url, Settings(idle_timeout=1)), StreamError)
    assert "nothing arrived for 1 s (--idle-timeout)" in error.message


def test_closing_the_stream_closes_the_connection(model_server):
    model_server.enqueue(Say(chunks=["word "] * 36_000, delay=0.1))

    async def leave():
        async with (
            ChatClient(endpoint(model_server.url), Settings()) as client,
            aclosing(client.stream(request())) as items,
        ):
            await anext(items)

    asyncio.run(leave())
    model_server.wait_for_disconnect()


# A malformed chunked body, whose end aiohttp's reader would wait for

BAD_CHUNK = b"zz!\r\nfoo\r\n"


def chunked(status, kind, *data):
    head = b"HTTP/1.1 %s\r\nContent-Type: %s\r\nTransfer-Encoding: chunked\r\n\r\n" % (status, kind)
    # The headers and each chunk arrive in separate reads.
    return Raw([head, *(b"%x\r\n%b\r\n" % (len(one), one) for one in data), BAD_CHUNK], delay=0.05)


@pytest.mark.timeout(60)
def test_a_bad_chunk_ends_an_answer(model_server, chat):
    event = b'data: {"choices": [{"index": 0, "delta": {"content": "Hello"}}]}\n\n'
    model_server.enqueue(chunked(b"200 OK", b"text/event-stream", event))
    assert failure(chat, StreamError).message == "The stream ended early: the connection was lost"


@pytest.mark.timeout(60)
def test_a_bad_chunk_ends_an_error_response(model_server, chat):
    model_server.enqueue(chunked(b"400 Bad Request", b"text/plain", b"the reason"))
    assert "the reason" in "\n".join(failure(chat).lines())


@pytest.mark.timeout(60)
def test_a_bad_chunk_ends_a_list_of_models(model_server, chat):
    model_server.route("/v1/models", chunked(b"200 OK", b"application/json", b'{"data": ['))
    assert chat.models() == []


def test_a_connection_that_is_reset_between_two_answers_logs_nothing(model_server, caplog):
    model_server.enqueue(Say("one two", delay=0.02), Say("three"))

    async def talk():
        async with ChatClient(endpoint(model_server.url), Settings()) as client:
            first = [text async for text in contents(client)]
            for connection in list(model_server._connections):
                model_server._loop.call_soon_threadsafe(partial(connection.hang_up, reset=True))
            await asyncio.sleep(0.1)
            return first, [text async for text in contents(client)]

    first, second = asyncio.run(talk())
    gc.collect()
    assert ("".join(first), "".join(second)) == ("one two", "three")
    assert not caplog.records
