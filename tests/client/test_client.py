"""The client against a real server that answers well, badly, late, in pieces and not at all."""

import asyncio
import json
import socket
import ssl
import subprocess
import threading
import time
from contextlib import aclosing

import pytest

from kaito.errors import (
    ConnectError,
    ForbiddenError,
    KaitoError,
    ModelError,
    NotFoundError,
    StreamError,
    UsageError,
    WindowError,
)
from kaito.openai.client import ChatClient
from kaito.openai.http import proxy_for
from kaito.settings import Settings
from kaito.testing import (
    CloseBeforeHead,
    Cut,
    ErrorEvent,
    Gate,
    Hang,
    HtmlPage,
    ModelServer,
    Raw,
    Redirect,
    Say,
    Status,
)
from kaito.types import ChatRequest, Delta, Endpoint, Message, ModelInfo, Usage, Waiting


def endpoint(url, **more):
    return Endpoint(url=url, shown_url=f"{url}/chat/completions", label="x", **more)


def request(text="Hi", **more):
    return ChatRequest(**{"messages": (Message("user", text),), "max_tokens": 1024, "temperature": 0.7, **more})


async def said(client):
    """Yield the text of one turn, piece by piece."""
    async with aclosing(client.stream(request())) as items:
        async for item in items:
            assert isinstance(item, Delta)
            yield item.content


class Chat:
    """What one client yields, turn after turn."""

    def __init__(self, url, settings=None, **more):
        self._endpoint = endpoint(url, **more)
        self._settings = settings or Settings()
        self.waits = []

    def turns(self, *requests):
        return asyncio.run(self._turns(requests))

    async def _turns(self, requests):
        async with ChatClient(self._endpoint, self._settings) as client:
            return [await self._turn(client, one) for one in requests]

    async def _turn(self, client, one):
        answer = Delta()
        async with aclosing(client.stream(one)) as items:
            async for item in items:
                if isinstance(item, Waiting):
                    self.waits.append(item)
                    continue
                answer.content += item.content
                answer.reasoning += item.reasoning
                answer.finish_reason = item.finish_reason or answer.finish_reason
                answer.usage = item.usage or answer.usage
                answer.model = item.model or answer.model
        return answer

    def ask(self, one=None):
        return self.turns(one or request())[0]

    def models(self):
        async def models():
            async with ChatClient(self._endpoint, self._settings) as client:
                return await client.models(self.waits.append)

        return asyncio.run(models())


@pytest.fixture
def chat(model_server):
    return Chat(model_server.url)


def refusal(chat, error=KaitoError, one=None):
    with pytest.raises(error) as caught:
        chat.ask(one)
    return caught.value


# What an answer is made of


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


def test_all_that_a_request_may_say(model_server, chat):
    chat.ask(request(model="test-model", top_p=0.9, extra={"seed": 1, "stop": ["x"]}))
    body = model_server.chats[-1].body
    assert (body["model"], body["top_p"], body["seed"], body["stop"]) == ("test-model", 0.9, 1, ["x"])


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("split", [None, 1, 7])
def test_any_framing(model_server, chat, newline, split):
    model_server.enqueue(Say("naïve 🤖\u2028 words", newline=newline, split=split, comments=True))
    assert chat.ask().content == "naïve 🤖\u2028 words"


def test_pieces_come_one_by_one(model_server):
    gate = Gate()
    model_server.enqueue(Say(chunks=["Hel", gate, "lo"]))

    async def first_then_rest():
        async with ChatClient(endpoint(model_server.url), Settings()) as client, aclosing(said(client)) as pieces:
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


def test_a_stream_may_not_be_asked_for(model_server, chat):
    model_server.enqueue(Say("Hello", reasoning="hm"))
    answer = chat.ask(request(stream=False))
    assert (answer.content, answer.reasoning) == ("Hello", "hm")
    assert "stream_options" not in model_server.chats[-1].body


@pytest.mark.parametrize("content_type", [None, "application/octet-stream", "text/plain"])
def test_a_content_type_that_tells_nothing(model_server, chat, content_type):
    model_server.enqueue(
        Say("Hello", content_type=content_type), Say("Hello", content_type=content_type, unstreamed=True)
    )
    assert [answer.content for answer in chat.turns(request(), request())] == ["Hello", "Hello"]


def test_no_usage(model_server, chat):
    model_server.enqueue(Say("Hello", usage=False))
    assert chat.ask().usage is None


def test_no_done_mark(model_server, chat):
    model_server.enqueue(Say("Hello", done=False))
    assert chat.ask().content == "Hello"


def test_a_stream_that_is_not_closed_after_the_answer(model_server, chat):
    model_server.enqueue(Say("Hello", linger=30))
    started = time.monotonic()
    assert chat.ask().content == "Hello"
    assert time.monotonic() - started < 10


def test_a_stream_without_a_done_mark_that_is_not_closed(model_server, chat):
    model_server.enqueue(Say("Hello", linger=30, done=False))
    started = time.monotonic()
    assert chat.ask().content == "Hello"
    assert time.monotonic() - started < 20


# Where an answer ends that should not


@pytest.mark.parametrize("how", ["end", "close", "chunk"])
def test_a_cut_answer(model_server, how):
    model_server.enqueue(Cut("Hello there", how=how))
    got = []

    async def ask():
        async with ChatClient(endpoint(model_server.url), Settings()) as client:
            async for piece in said(client):
                got.append(piece)

    with pytest.raises(StreamError, match="The answer broke off"):
        asyncio.run(ask())
    assert "".join(got) == "Hello there"
    assert len(model_server.chats) == 1


def test_an_answer_without_a_finish_reason(model_server, chat):
    model_server.enqueue(Say("Hello", finish_reason=None))
    assert "without a finish reason" in refusal(chat, StreamError).message


def test_an_error_in_mid_stream(model_server, chat):
    model_server.enqueue(ErrorEvent("Hel", {"message": "CUDA out of memory", "code": 500}))
    assert refusal(chat, ModelError).message == "CUDA out of memory"


def test_a_whole_answer_that_is_an_error(model_server, chat):
    body = b'{"error":{"message":"CUDA out of memory"}}'
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    model_server.enqueue(Raw(head + body))
    assert refusal(chat, ModelError).message == "CUDA out of memory"


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
GOOD = b'data: {"choices":[{"delta":{"content":"Hello"}}]}\n\n'
STOP = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'


def told(model_server, *pieces, settings=None):
    """Return what was said of an answer of these bytes, and how it ended."""
    model_server.enqueue(Raw([HEAD, *pieces], delay=0.01))
    got = []

    async def ask():
        async with ChatClient(endpoint(model_server.url), settings or Settings()) as client:
            async for piece in said(client):
                got.append(piece)

    try:
        asyncio.run(ask())
    except KaitoError as exc:
        return "".join(got), exc.message
    return "".join(got), ""


def test_an_error_is_told_though_the_body_does_not_end(model_server):
    gate = Gate()
    error = b'data: {"error":{"message":"CUDA out of memory"}}\n\ndata: [DONE]\n\n'
    assert told(model_server, GOOD, error, gate) == ("Hello", "CUDA out of memory")


def test_a_done_mark_without_a_finish_reason_is_told_though_the_body_does_not_end(model_server):
    gate = Gate()
    text, message = told(model_server, GOOD, b"data: [DONE]\n\n", gate)
    assert (text, "without a finish reason" in message) == ("Hello", True)


def test_what_came_before_a_bad_event_is_shown(model_server):
    text, message = told(model_server, GOOD + b"data: {oops\n\n")
    assert (text, "no chat completion" in message) == ("Hello", True)


def test_a_server_that_pings_after_the_answer_is_left(model_server):
    started = time.monotonic()
    assert told(model_server, GOOD + STOP, *[b": ping\n\n"] * 3000) == ("Hello", "")
    assert time.monotonic() - started < 15


def test_a_stream_under_a_wrong_content_type(model_server, chat):
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
    model_server.enqueue(Raw([head, b"\n\n", GOOD, STOP], delay=0.01))
    assert chat.ask().content == "Hello"


def test_a_whole_answer_whose_first_bytes_are_blank(model_server, chat):
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"
    model_server.enqueue(
        Raw([head, b"\n ", b'{"choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}]}'], delay=0.01)
    )
    assert chat.ask().content == "Hi"


def test_an_answer_without_end_is_not_gathered_for_ever(model_server, chat, monkeypatch):
    monkeypatch.setattr("kaito.openai.answer._LONGEST_ANSWER", 1000)
    model_server.enqueue(Raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + b" " * 5000))
    assert "no chat completion" in refusal(chat, StreamError).message


def test_a_refusal_whose_body_is_cut(model_server, chat):
    head = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 500\r\n\r\n"
    model_server.enqueue(Raw(head + b"temperature is out of bounds"))
    assert "temperature is out of bounds (HTTP 400)" in refusal(chat, ConnectError).hints[2]


def test_a_request_that_is_no_json(model_server, chat):
    error = refusal(chat, KaitoError, request(extra={"x": object()}))
    assert "cannot be written as JSON" in error.message
    assert model_server.requests == []


@pytest.mark.parametrize("event", [b"nonsense", b'["x"]', b'{"choices":5}'])
def test_events_that_are_no_chunks(model_server, chat, event):
    model_server.enqueue(Raw(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: " + event + b"\n\n"))
    assert "no chat completion" in refusal(chat, StreamError).message


def test_an_event_without_end(model_server, chat, monkeypatch):
    monkeypatch.setattr("kaito.openai.sse.MAX_EVENT", 1000)
    model_server.enqueue(Raw(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: " + b"x" * 5000))
    assert "no chat completion" in refusal(chat, StreamError).message


def test_a_server_that_goes_silent_in_mid_answer(model_server):
    model_server.enqueue(Hang("Hel"))
    error = refusal(Chat(model_server.url, Settings(idle_timeout=0.2)), StreamError)
    assert "nothing came for 0.2 s (--idle-timeout)" in error.message


def test_closing_the_stream_closes_the_connection(model_server):
    model_server.enqueue(Say(chunks=["word "] * 100, delay=0.1))

    async def leave():
        async with (
            ChatClient(endpoint(model_server.url), Settings()) as client,
            aclosing(client.stream(request())) as items,
        ):
            await anext(items)

    asyncio.run(leave())
    model_server.wait_for_disconnect(timeout=5)


# Paths


@pytest.mark.parametrize("suffix", ["", "/", "/v1", "/v1/"])
def test_the_base_url_may_end_in_v1(model_server, suffix):
    assert Chat(model_server.url + suffix).ask().content == "Hi"
    assert model_server.chats[-1].path == "/v1/chat/completions"


@pytest.mark.parametrize("elsewhere", [404, 405])
def test_a_server_without_v1(elsewhere):
    with ModelServer(prefix="", elsewhere=elsewhere, list_models=False) as server:
        chat = Chat(server.url)
        assert chat.models() == []
        assert [answer.content for answer in chat.turns(request("a"), request("b"))] == ["a", "b"]
        # found once, remembered after
        assert [chat.path for chat in server.requests if chat.method == "POST"] == [
            "/v1/chat/completions",
            "/chat/completions",
            "/chat/completions",
        ]


def test_the_model_list_tells_the_path_too():
    with ModelServer(prefix="") as server:

        async def both():
            async with ChatClient(endpoint(server.url), Settings()) as client:
                await client.models(print)
                return [piece async for piece in said(client)]

        asyncio.run(both())
        assert [one.path for one in server.requests] == ["/v1/models", "/models", "/chat/completions"]


def test_a_path_before_v1_and_a_query_are_kept(model_server):
    model_server.route("/base/v1/chat/completions", Say("Hello"))
    assert Chat(f"{model_server.url}/base?api-version=3").ask().content == "Hello"
    assert model_server.requests[-1].target == "/base/v1/chat/completions?api-version=3"


def test_nothing_that_chats(model_server, chat):
    with ModelServer(prefix="/other") as server:
        error = refusal(Chat(server.url), ConnectError)
    assert error.hints[0] == f"Endpoint: {server.url}/chat/completions"
    assert "does not serve chat completions: Not Found (HTTP 404)" in error.hints[2]


def test_an_unknown_model_is_no_unknown_path(model_server, chat):
    error = refusal(chat, NotFoundError, request(model="nope"))
    assert error.message == "The server has no model 'nope': The model `nope` does not exist."
    assert len(model_server.requests) == 1


# The list of models


def test_models(model_server):
    model_server.adapters = ("lora",)
    model_server.window = 2048
    assert Chat(model_server.url).models() == [
        ModelInfo(name="test-model", window=2048),
        ModelInfo(name="lora", window=None),
    ]


@pytest.mark.parametrize(
    "step",
    [
        Status(404),
        Status(500),
        Status(403),
        HtmlPage("Not here", 404),
        Cut("x"),
        Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"),
    ],
)
def test_no_list_is_no_failure(model_server, chat, step):
    model_server.route("/v1/models", step)
    assert chat.models() == []


def test_a_page_in_place_of_a_list_is_what_stands_before_the_server(model_server, chat):
    model_server.route("/v1/models", HtmlPage("Sign in"))
    with pytest.raises(ConnectError) as caught:
        chat.models()
    assert "Sign in (HTTP 200)" in caught.value.hints[2]


def test_odd_entries_of_a_list_do_not_spoil_it(model_server, chat):
    listed = [
        {"id": None},
        {"id": ""},
        {"id": "m", "max_model_len": "4096", "meta": []},
        {"id": "n", "max_model_len": 5},
    ]
    body = json.dumps({"data": listed}).encode()
    model_server.route("/v1/models", Raw(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)))
    assert chat.models() == [ModelInfo(name="m"), ModelInfo(name="n", window=5)]


def test_a_list_does_not_settle_where_the_chat_is(model_server):
    async def both():
        async with ChatClient(endpoint(model_server.url), Settings()) as client:
            await client.models(print)
            return [piece async for piece in said(client)]

    model_server.route("/v1/chat/completions", Status(404))
    model_server.route("/chat/completions", Say("Hello"))
    assert "".join(asyncio.run(both())) == "Hello"


def test_a_llama_cpp_server_tells_its_window_elsewhere(model_server, chat):
    body = json.dumps({"data": [{"id": "m", "meta": {"n_ctx": 4096}}]}).encode()
    model_server.route("/v1/models", Raw(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)))
    assert chat.models() == [ModelInfo(name="m", window=4096)]


def test_a_server_that_is_starting_is_waited_for(model_server, chat):
    steps = [Status(503, retry_after=0.05), Status(503, retry_after=0.05)]
    model_server.route("/v1/models", lambda request: steps.pop() if steps else _default_models())
    assert [model.name for model in chat.models()] == ["m"]
    assert len(chat.waits) == 2


def _default_models():
    body = b'{"data":[{"id":"m"}]}'
    return Raw(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))


# Refusals


def test_usage_is_not_asked_for_again_where_it_is_refused(model_server, chat):
    model_server.refuse_usage = True
    assert [answer.content for answer in chat.turns(request("a"), request("b"))] == ["a", "b"]
    assert ["stream_options" in one.body for one in model_server.chats] == [True, False, False]


def test_a_missing_key(model_server, chat):
    model_server.api_key = "sk-right"
    error = refusal(chat, ForbiddenError)
    assert error.exit_code == 5
    assert "KAITO_API_KEY" in error.hints[0]
    with pytest.raises(ForbiddenError):
        chat.models()
    assert Chat(model_server.url, Settings(api_key="sk-right")).ask().content == "Hi"
    assert model_server.chats[-1].headers["authorization"] == "Bearer sk-right"


def test_a_server_that_repeats_the_key_does_not_show_it(model_server):
    words = "Incorrect API key provided: sk-verysecret. X: hunter2hunter2 Y: token-of-mine"
    settings = Settings(api_key="sk-verysecret", headers=(("X", "hunter2hunter2"), ("Y", "Bearer token-of-mine")))
    model_server.enqueue(Status(401, {"error": {"message": words}}), ErrorEvent("", {"message": words}))
    for error in (ForbiddenError, ModelError):
        told = "\n".join(refusal(Chat(model_server.url, settings), error).lines())
        assert "sk-verysecret" not in told
        assert "hunter2" not in told
        assert "token-of-mine" not in told
        assert "***" in told


def test_headers_are_sent_and_win(model_server):
    settings = Settings(api_key="a", headers=(("authorization", "Basic b"), ("X-Team", "c"), ("x-team", "cc")))
    Chat(model_server.url, settings, headers={"X-Team": "d", "X-Route": "e"}).ask()
    headers = model_server.chats[-1].headers
    assert (headers["authorization"], headers["x-team"], headers["x-route"]) == ("Basic b", "cc", "e")


def test_a_redirect_is_told_and_not_followed(model_server, chat):
    model_server.enqueue(Redirect("https://elsewhere.example/login?secret=1"))
    error = refusal(chat, ConnectError)
    assert "redirects to https://elsewhere.example/login (HTTP 307)" in error.hints[2]
    assert len(model_server.requests) == 1


def test_a_page_of_a_proxy(model_server, chat):
    model_server.enqueue(HtmlPage("Sign in"))
    assert "does not serve chat completions: Sign in (HTTP 200)" in refusal(chat, ConnectError).hints[2]


def test_a_page_without_its_content_type(model_server, chat):
    model_server.enqueue(Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<html></html>"))
    assert "no chat completion" in refusal(chat, StreamError).message


def test_a_server_error(model_server, chat):
    model_server.enqueue(Status(500, {"error": {"message": "engine died"}}))
    assert refusal(chat, ModelError).message == "engine died (HTTP 500)"


# The window


@pytest.mark.parametrize("dialect", ["vllm", "vllm-old", "llama.cpp"])
def test_a_prompt_over_the_window(dialect):
    with ModelServer(window=100, dialect=dialect) as server:
        error = refusal(Chat(server.url), WindowError, request("word " * 150))
        assert error.message == "Input too long (150 tokens > 100 max)"
        assert error.hints[0] == "Try reducing your message length or increasing --max-tokens"
        assert len(server.chats) == 1


@pytest.mark.parametrize("dialect", ["vllm", "vllm-old", "vllm-at-least"])
def test_what_the_window_leaves_is_asked_for(dialect):
    with ModelServer(window=1100, dialect=dialect) as server:
        assert Chat(server.url).ask(request("word " * 150)).content.startswith("word")
        assert [one.body["max_tokens"] for one in server.chats] == [1024, 950]


def test_a_bound_without_a_count_is_tried_with_half():
    with ModelServer(window=1100, dialect="vllm-at-least", tokenize=False) as server:
        chat = Chat(server.url)
        assert chat.ask(request("word " * 150)).content.startswith("word")
        assert [one.body["max_tokens"] for one in server.chats] == [1024, 511]


def test_a_prompt_over_the_window_by_a_bound():
    with ModelServer(window=100, dialect="vllm-at-least") as server:
        error = refusal(Chat(server.url), WindowError, request("word " * 150, max_tokens=10))
        assert error.message == "Input too long (150 tokens > 100 max)"


# Trouble on the way


def test_a_busy_server_is_tried_again(model_server, chat):
    model_server.enqueue(
        Status(429, retry_after=0.05), Status(503, retry_after=0.05), Status(502, retry_after=0), Say("Hi")
    )
    assert chat.ask().content == "Hi"
    assert [wait.reason.partition(":")[0] for wait in chat.waits] == ["the server is busy"] * 3
    assert [wait.delay >= 0.05 for wait in chat.waits] == [True] * 3


def test_a_refused_connection_is_given_up_soon(refused_url):
    started = time.monotonic()
    chat = Chat(refused_url)
    error = refusal(chat, ConnectError)
    assert time.monotonic() - started < 10
    assert error.hints[0] == f"Endpoint: {refused_url}/chat/completions"
    assert "Connection refused" in error.hints[2]
    assert sum(wait.delay for wait in chat.waits) <= 3


def test_a_kept_connection_that_has_died_is_replaced(model_server, chat):
    model_server.enqueue(Say("one"), CloseBeforeHead(), Say("two"))
    assert [answer.content for answer in chat.turns(request(), request())] == ["one", "two"]
    assert [one.connection for one in model_server.chats] == [1, 1, 2]


def test_it_is_replaced_once(model_server, chat):
    model_server.enqueue(Say("one"), CloseBeforeHead(), CloseBeforeHead())
    with pytest.raises(ConnectError):
        chat.turns(request(), request())
    assert len(model_server.chats) == 3


@pytest.mark.parametrize("reset", [False, True])
def test_a_new_connection_that_is_closed_is_an_error(model_server, chat, reset):
    model_server.enqueue(CloseBeforeHead(reset=reset))
    assert "closed the connection without an answer" in refusal(chat, ConnectError).hints[2]
    assert len(model_server.chats) == 1


def test_a_tunnelled_connection_is_tried_again(model_server):
    model_server.enqueue(CloseBeforeHead(), Say("two"))
    assert Chat(model_server.url, tunnelled=True).ask().content == "two"


def test_a_connection_is_kept_for_the_next_turn(model_server, chat):
    chat.turns(request(), request(), request())
    assert {one.connection for one in model_server.chats} == {1}


def test_a_server_that_accepts_and_says_nothing(model_server):
    model_server.enqueue(Hang())
    error = refusal(Chat(model_server.url, Settings(idle_timeout=0.2)), ConnectError)
    assert "said nothing for 0.2 s (--idle-timeout)" in error.hints[2]


def test_something_that_speaks_no_http(model_server, chat):
    model_server.enqueue(Raw(b"SSH-2.0-OpenSSH_9.2\r\n"))
    assert "does not speak HTTP" in refusal(chat, ConnectError).hints[2]


def test_an_unknown_host():
    error = refusal(Chat("http://no-such-host.invalid"), ConnectError)
    assert "The name no-such-host.invalid is not known" in error.hints[2]


# TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 "
        "-subj /CN=test -addext subjectAltName=IP:127.0.0.1,DNS:model.test",
        shell=True,
        cwd=folder,
        check=True,
        capture_output=True,
    )
    return str(folder / "cert.pem"), str(folder / "key.pem")


@pytest.fixture
def tls_server(certificate):
    with ModelServer(tls=certificate) as server:
        yield server


def test_an_unknown_authority_is_not_trusted(tls_server):
    error = refusal(Chat(tls_server.url), ConnectError)
    assert "certificate is not trusted: self-signed certificate" in error.hints[2]
    assert "--certificate-authority" in error.hints[3]


def test_an_authority_can_be_named(tls_server, certificate):
    assert Chat(tls_server.url, Settings(certificate_authority=certificate[0])).ask().content == "Hi"


def test_the_check_can_be_skipped(tls_server):
    assert Chat(tls_server.url, Settings(insecure_skip_tls_verify=True)).ask().content == "Hi"


def test_a_backend_s_own_trust(tls_server, certificate):
    context = ssl.create_default_context(cafile=certificate[0])
    assert Chat(tls_server.url, ssl=context, server_hostname="model.test").ask().content == "Hi"
    assert (
        "not trusted" in refusal(Chat(tls_server.url, ssl=context, server_hostname="other.test"), ConnectError).hints[2]
    )


def test_a_file_that_is_no_certificate(model_server, tmp_path):
    file = tmp_path / "ca.pem"
    file.write_text("nonsense")
    error = refusal(Chat(model_server.url, Settings(certificate_authority=str(file))), UsageError)
    assert "is no file of PEM certificates" in error.message


def test_https_to_a_server_without_it():
    def refuse(listener):
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=refuse, args=(listener,))
        thread.start()
        error = refusal(Chat(f"https://127.0.0.1:{listener.getsockname()[1]}"), ConnectError)
        thread.join()
    assert "Does the server speak https?" in error.hints[3]


# Proxies


def test_a_proxy_from_the_environment_is_used(model_server, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", model_server.url.replace("http://", "http://user:hunter2@"))
    monkeypatch.setenv("http_proxy", model_server.url.replace("http://", "http://user:hunter2@"))
    assert Chat("http://model.invalid:8080").ask().content == "Hi"
    sent = model_server.requests[-1]
    assert sent.target == "http://model.invalid:8080/v1/chat/completions"
    assert sent.headers["proxy-authorization"].startswith("Basic ")


@pytest.mark.parametrize(
    ("url", "more"),
    [
        ("http://127.0.0.1:8080", {}),
        ("http://[::1]:8080", {}),
        ("http://127.1:8080", {}),
        ("http://localhost.", {}),
        ("http://0.0.0.0", {}),
        ("http://[::ffff:127.0.0.1]", {}),
        ("http://localhost:8080", {}),
        ("http://model.invalid", {"proxied": False}),
        ("http://model.invalid", {"connector": lambda: None}),
        ("http://inside.example", {}),
    ],
)
def test_no_proxy_for_loopback_tunnels_and_exceptions(monkeypatch, url, more):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "inside.example")
    assert proxy_for(endpoint(url, **more)) is None


def test_a_proxy_that_cannot_be_reached(monkeypatch, refused_url):
    monkeypatch.setenv("http_proxy", refused_url.replace("http://", ""))
    assert (
        "that the environment names cannot be reached" in refusal(Chat("http://model.invalid"), ConnectError).hints[2]
    )


def test_a_proxy_of_another_kind(monkeypatch):
    monkeypatch.setenv("all_proxy", "socks5://user:hunter2@127.0.0.1:1")
    error = refusal(Chat("http://model.invalid"), UsageError)
    assert "of the kind 'socks5'" in error.message
    assert "hunter2" not in error.message


@pytest.mark.parametrize("proxy", ["http://user:hunter2@h:port", "http://user:h#nter2@h", "http://[::1", "http://"])
def test_a_proxy_that_cannot_be_read(monkeypatch, proxy):
    monkeypatch.setenv("http_proxy", proxy)
    error = refusal(Chat("http://model.invalid"), UsageError)
    assert error.message == "The environment names a proxy whose URL cannot be read"


def test_a_proxy_that_wants_credentials(model_server, monkeypatch):
    monkeypatch.setenv("http_proxy", model_server.url)
    model_server.enqueue(Status(407, "who are you?"))
    assert "The proxy wants credentials" in refusal(Chat("http://model.invalid"), ForbiddenError).message


def test_a_proxy_that_refuses(model_server, monkeypatch):
    monkeypatch.setenv("https_proxy", model_server.url)
    assert "The proxy refuses" in refusal(Chat("https://model.invalid"), ConnectError).hints[2]


def test_no_netrc(model_server, monkeypatch, clean_environment):
    (clean_environment / ".netrc").write_text("machine 127.0.0.1 login me password hunter2\n")
    Chat(model_server.url).ask()
    assert "authorization" not in model_server.chats[-1].headers
