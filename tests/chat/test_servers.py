"""Servers with other paths, error responses, small windows and lost connections."""

import asyncio
import json
import time

import pytest

from kaito.chat.refused_requests import add_next_steps
from kaito.errors import (
    ConnectError,
    ForbiddenError,
    ModelError,
    NotFoundError,
    StreamError,
    WindowError,
)
from kaito.net.http_session import SmallReads
from kaito.openai.client import ChatClient
from kaito.settings import Settings
from kaito.testing import (
    CloseBeforeHead,
    Cut,
    ErrorEvent,
    Hang,
    HtmlPage,
    ModelServer,
    Raw,
    Redirect,
    Say,
    Status,
)
from kaito.types import Delta, ModelInfo
from tests.chat.talk import Chat, contents, endpoint, failure, request

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
        # discovered once, then remembered
        assert [chat.path for chat in server.requests if chat.method == "POST"] == [
            "/v1/chat/completions",
            "/chat/completions",
            "/chat/completions",
        ]


def test_the_model_list_shows_the_path_too():
    with ModelServer(prefix="") as server:

        async def both():
            async with ChatClient(endpoint(server.url), Settings()) as client:
                await client.models(print)
                return [piece async for piece in contents(client)]

        asyncio.run(both())
        assert [one.path for one in server.requests] == ["/v1/models", "/models", "/chat/completions"]


def test_a_path_before_v1_and_a_query_are_kept(model_server):
    model_server.route("/base/v1/chat/completions", Say("Hello"))
    assert Chat(f"{model_server.url}/base?api-version=3").ask().content == "Hello"
    assert model_server.requests[-1].target == "/base/v1/chat/completions?api-version=3"


def test_a_server_without_chat_completions(model_server, chat):
    with ModelServer(prefix="/other") as server:
        error = failure(Chat(server.url), ConnectError)
    assert error.hints[0] == f"Endpoint: {server.url}/chat/completions"
    assert "does not serve chat completions: Not Found (HTTP 404)" in error.hints[2]


def test_an_unknown_model_is_not_an_unknown_path(model_server, chat):
    error = failure(chat, NotFoundError, request(model="nope"))
    assert error.message == "The server has no model 'nope': The model `nope` does not exist."
    assert len(model_server.requests) == 1


# The list of models


def test_models(model_server):
    model_server.adapters = ("lora",)
    model_server.window = 2048
    assert Chat(model_server.url).models() == [
        ModelInfo(name="test-model", window=2048),
        ModelInfo(name="lora", window=2048, parent="test-model"),
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
def test_a_missing_list_is_not_an_error(model_server, chat, step):
    model_server.route("/v1/models", step)
    assert chat.models() == []


def test_a_page_in_place_of_a_list_is_an_error(model_server, chat):
    model_server.route("/v1/models", HtmlPage("Sign in"))
    with pytest.raises(ConnectError) as caught:
        chat.models()
    assert "Sign in (HTTP 200)" in caught.value.hints[2]


def test_malformed_entries_of_a_list(model_server, chat):
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
            return [piece async for piece in contents(client)]

    model_server.route("/v1/chat/completions", Status(404))
    model_server.route("/chat/completions", Say("Hello"))
    assert "".join(asyncio.run(both())) == "Hello"


def test_the_window_of_a_llama_cpp_server(model_server, chat):
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


# Error responses


def test_stream_options_are_not_sent_again_once_refused(model_server, chat):
    model_server.refuse_usage = True
    assert [answer.content for answer in chat.turns(request("a"), request("b"))] == ["a", "b"]
    assert ["stream_options" in one.body for one in model_server.chats] == [True, False, False]


def test_a_missing_key(model_server, chat):
    model_server.api_key = "sk-right"
    error = failure(chat, ForbiddenError)
    assert error.exit_code == 5
    assert "KAITO_API_KEY" in error.hints[0]
    with pytest.raises(ForbiddenError):
        chat.models()
    assert Chat(model_server.url, Settings(api_key="sk-right")).ask().content == "Hi"
    assert model_server.chats[-1].headers["authorization"] == "Bearer sk-right"


def test_a_server_that_repeats_the_key_does_not_show_it(model_server):
    message = "Incorrect API key provided: sk-verysecret. X: hunter2hunter2 Y: token-of-mine"
    settings = Settings(api_key="sk-verysecret", headers=(("X", "hunter2hunter2"), ("Y", "Bearer token-of-mine")))
    model_server.enqueue(Status(401, {"error": {"message": message}}), ErrorEvent("", {"message": message}))
    for error in (ForbiddenError, ModelError):
        shown = "\n".join(failure(Chat(model_server.url, settings), error).lines())
        assert "sk-verysecret" not in shown
        assert "hunter2" not in shown
        assert "token-of-mine" not in shown
        assert "***" in shown


@pytest.mark.parametrize(
    "message",
    [
        "x" * 590 + " sk-verysecret1234567890",  # cut by the limit of what is shown
        "x" * 4085 + " sk-verysecret1234567890",  # and of what is read
        "xx" + " sk-verysecret1234567890" * 300,
        "sk-very\x1b[0msecret1234567890",
        "sk-very\u200esecret1234567890",
    ],
)
def test_a_repeated_key_is_removed_in_any_form(model_server, message):
    settings = Settings(api_key="sk-verysecret1234567890")
    model_server.enqueue(Status(401, {"error": {"message": message}}), ErrorEvent("", {"message": message}))
    for error in (ForbiddenError, ModelError):
        shown = "\n".join(failure(Chat(model_server.url, settings), error).lines())
        assert "sk-very" not in shown
        assert len(shown) < 900


@pytest.mark.parametrize("before", [0, 190, 290, 595, 1000, 4085])
@pytest.mark.parametrize("page", [True, False])
def test_a_key_in_what_is_no_answer_is_removed(model_server, before, page):
    text = "x" * before + " sk-verysecret1234567890"
    body = f"<html><title>{text}</title>" if page else text
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n"
    model_server.enqueue(Raw(head % len(body) + body.encode()))
    error = failure(Chat(model_server.url, Settings(api_key="sk-verysecret1234567890")), StreamError)
    assert "sk-very" not in error.message
    assert len(error.message) < 300


def test_a_key_in_the_url_s_query_is_removed(model_server):
    message = "Bad key query+secret/1 (query%2Bsecret%2F1) for 2024-10-21"
    model_server.enqueue(Status(401, {"error": {"message": message}}))
    error = failure(Chat(f"{model_server.url}/?api-key=query%2Bsecret%2F1&version=2024-10-21"), ForbiddenError)
    assert error.message.endswith("Bad key *** (***) for 2024-10-21 (HTTP 401)")


def test_an_unterminated_control_sequence_hides_only_the_server_s_text(model_server, chat):
    model_server.enqueue(Status(500, {"error": {"message": "bad \x1b]0;title"}}))
    assert failure(chat, ModelError).message == "bad (HTTP 500)"


def test_reads_are_small(model_server, chat, monkeypatch):
    sizes = []
    recv = SmallReads.recv

    def noted(self, size, *flags):
        sizes.append(size)
        return recv(self, size, *flags)

    monkeypatch.setattr(SmallReads, "recv", noted)
    assert chat.ask().content == "Hi"
    assert sizes


def test_given_headers_are_sent_and_take_precedence(model_server):
    settings = Settings(api_key="a", headers=(("authorization", "Basic b"), ("X-Team", "c"), ("x-team", "cc")))
    Chat(model_server.url, settings, headers={"X-Team": "d", "X-Route": "e"}).ask()
    headers = model_server.chats[-1].headers
    assert (headers["authorization"], headers["x-team"], headers["x-route"]) == ("Basic b", "cc", "e")


def test_a_redirect_is_not_followed(model_server, chat):
    model_server.enqueue(Redirect("https://elsewhere.example/login?secret=1"))
    error = failure(chat, ConnectError)
    assert "redirects to https://elsewhere.example/login (HTTP 307)" in error.hints[2]
    assert len(model_server.requests) == 1


def test_a_page_of_a_proxy(model_server, chat):
    model_server.enqueue(HtmlPage("Sign in"))
    assert "does not serve chat completions: Sign in (HTTP 200)" in failure(chat, ConnectError).hints[2]


def test_a_page_without_its_content_type(model_server, chat):
    model_server.enqueue(Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<html></html>"))
    assert "not a chat completion" in failure(chat, StreamError).message


def test_a_server_error(model_server, chat):
    model_server.enqueue(Status(500, {"error": {"message": "engine died"}}))
    assert failure(chat, ModelError).message == "engine died (HTTP 500)"


# The window


@pytest.mark.parametrize("dialect", ["vllm", "vllm-old", "llama.cpp"])
def test_a_prompt_over_the_window(dialect):
    with ModelServer(window=100, dialect=dialect) as server:
        error = failure(Chat(server.url), WindowError, request("word " * 150))
        assert error.message == "Input too long (150 tokens > 100 max)"
        assert error.hints[0] == "Try reducing your message length or increasing --max-tokens"
        assert len(server.chats) == 1


@pytest.mark.parametrize("dialect", ["vllm", "vllm-old", "vllm-at-least"])
def test_what_the_window_leaves_is_requested(dialect):
    with ModelServer(window=1100, dialect=dialect) as server:
        assert Chat(server.url).ask(request("word " * 150)).content.startswith("word")
        assert [one.body["max_tokens"] for one in server.chats] == [1024, 950]


@pytest.mark.parametrize("dialect", ["vllm", "vllm-old", "vllm-at-least"])
def test_more_than_the_window_is_refused_once(dialect):
    with ModelServer(window=100, dialect=dialect) as server:
        Chat(server.url).turns(*[request("word " * 15)] * 3)
        assert [one.body.get("max_tokens") for one in server.chats] == [1024, 85, None, None]


def test_a_lower_bound_without_a_count():
    with ModelServer(window=1100, dialect="vllm-at-least", tokenize=False) as server:
        chat = Chat(server.url)
        assert chat.ask(request("word " * 150)).content.startswith("word")
        assert [one.body["max_tokens"] for one in server.chats] == [1024, 511]


def test_a_prompt_over_the_window_by_a_lower_bound():
    with ModelServer(window=100, dialect="vllm-at-least") as server:
        error = failure(Chat(server.url), WindowError, request("word " * 150, max_tokens=10))
        assert error.message == "Input too long (150 tokens > 100 max)"


def after_listing(server, *requests, **options):
    """Return the answers of a client that knows the server's list of models."""

    async def talk():
        async with ChatClient(endpoint(server.url), Settings()) as client:
            await client.models(print)
            answers = []
            for one in requests:
                items = client.stream(one, **options)
                answers.append("".join([item.content async for item in items if isinstance(item, Delta)]))
            return answers

    return asyncio.run(talk())


@pytest.mark.parametrize(
    "dialect", ["vllm-0.15", "vllm-0.16", "vllm-0.32", "silent", "vllm", "vllm-old", "vllm-at-least"]
)
def test_default_flags_work_with_a_small_window_in_any_wording(dialect):
    with ModelServer(window=512, dialect=dialect) as server:
        one = request("word " * 15, model="test-model")
        assert after_listing(server, one, one, one) == ["word " * 15] * 3
        assert [chat.body.get("max_tokens") for chat in server.chats] == [1024, 497, None, None]
        assert len([one for one in server.requests if one.path == "/tokenize"]) <= 1


@pytest.mark.parametrize("dialect", ["vllm-0.15", "vllm-0.16", "vllm-0.32", "silent"])
def test_what_the_window_leaves_is_requested_by_the_server_s_count(dialect):
    with ModelServer(window=1100, dialect=dialect) as server:
        after_listing(server, request("word " * 150, model="test-model"))
        assert [one.body["max_tokens"] for one in server.chats] == [1024, 950]


@pytest.mark.parametrize("dialect", ["vllm-0.15", "vllm-0.16", "vllm-0.32", "silent"])
def test_a_prompt_over_the_listed_window_in_any_wording(dialect):
    with ModelServer(window=100, dialect=dialect) as server, pytest.raises(WindowError) as caught:
        after_listing(server, request("word " * 150, max_tokens=10, model="test-model"))
    assert caught.value.message == "Input too long (150 tokens > 100 max)"


@pytest.mark.parametrize("status", [400, 413, 422, 500])
def test_a_refusal_that_the_numbers_do_not_explain_is_shown_as_it_is(status):
    with ModelServer(window=4096) as server:
        server.enqueue(Status(status, {"error": {"message": "the template failed"}}))
        with pytest.raises(ModelError, match=rf"the template failed \(HTTP {status}\)"):
            after_listing(server, request(model="test-model"))
        assert len(server.chats) == 1


def test_a_refused_max_tokens_is_halved_without_a_tokenizer():
    with ModelServer(window=4096, tokenize=False) as server:
        server.enqueue(Status(400, {"error": {"message": "no", "param": "max_tokens"}}), Say("Hi"))
        assert after_listing(server, request(max_tokens=4000, model="test-model")) == ["Hi"]
        assert [one.body["max_tokens"] for one in server.chats] == [4000, 2000]


def test_llama_cpp_counts_a_text(model_server):
    model_server.route(
        "/tokenize", lambda one: Status(200, {"tokens": [1] * len(str(one.body.get("content", "")).split())})
    )
    model_server.route("/apply-template", lambda one: Status(200, {"prompt": "<user> a b c <end>"}))

    async def count():
        async with ChatClient(endpoint(model_server.url), Settings()) as client:
            return await client.count_tokens(request("a b c"))

    assert asyncio.run(count()) == 5


def test_a_count_of_a_long_prompt_is_read(model_server):
    model_server.route("/tokenize", Status(200, {"count": 50_000, "tokens": list(range(50_000))}))

    async def count():
        async with ChatClient(endpoint(model_server.url), Settings()) as client:
            return await client.count_tokens(request())

    assert asyncio.run(count()) == 50_000


WINDOW_EVENT = {
    "message": "This model's maximum context length is 100 tokens. However, your messages resulted in 150 tokens."
}


def test_a_full_window_reported_within_a_stream(model_server, chat):
    model_server.enqueue(ErrorEvent("", WINDOW_EVENT), ErrorEvent("Hel", WINDOW_EVENT))
    for _ in range(2):
        assert failure(chat, WindowError).message == "Input too long (150 tokens > 100 max)"


def test_a_max_tokens_refused_within_a_stream_is_reduced(model_server, chat):
    too_large = {"message": "max_tokens=1024 cannot be greater than max_model_len=100"}
    model_server.enqueue(ErrorEvent("", too_large), Say("Hi"))
    assert chat.ask().content == "Hi"
    assert [one.body["max_tokens"] for one in model_server.chats] == [1024, 99]


@pytest.mark.parametrize("status", [429, 502, 503])
@pytest.mark.parametrize("field", ["code", "status", "status_code"])
def test_a_busy_server_within_a_stream_is_retried_before_the_first_token(model_server, chat, status, field):
    busy = {"message": "Provider returned error", field: status}
    model_server.enqueue(ErrorEvent("", busy), Say("Hi"), ErrorEvent("Hel", busy))
    assert chat.ask().content == "Hi"
    assert [wait.reason for wait in chat.waits] == [f"the server is busy: Provider returned error (HTTP {status})"]
    assert failure(chat, ModelError).message == "Provider returned error"
    assert len(model_server.chats) == 3


@pytest.mark.parametrize("slow", ["/tokenize", "/apply-template"])
def test_a_count_has_a_time_limit(model_server, monkeypatch, slow):
    monkeypatch.setattr("kaito.openai.client.COUNT_TIMEOUT", 0.2)
    model_server.route("/tokenize", Status(200, {"tokens": []}))
    model_server.route(slow, Hang())

    async def count():
        async with ChatClient(endpoint(model_server.url), Settings()) as client:
            return await client.count_tokens(request("a b c"))

    assert asyncio.run(count()) is None


def test_a_refusal_is_shown_when_the_count_takes_too_long(monkeypatch):
    monkeypatch.setattr("kaito.openai.client.COUNT_TIMEOUT", 0.2)
    counting = []
    with ModelServer(window=4096) as server:
        server.route("/tokenize", Hang())
        server.enqueue(Status(400, {"error": {"message": "the template failed"}}))
        with pytest.raises(ModelError, match="the template failed"):
            after_listing(server, request(model="test-model"), counting=counting.append)
    assert counting == [True, False]


def test_a_failing_server_is_not_asked_for_a_count():
    with ModelServer(window=4096) as server:
        server.enqueue(Status(500, {"error": {"message": "engine died"}}))
        with pytest.raises(ModelError, match="engine died"):
            after_listing(server, request(model="test-model"))
        assert not [one for one in server.requests if one.path == "/tokenize"]


# Errors with a message of their own


@pytest.mark.parametrize(
    ("reply", "error", "code", "text"),
    [
        (Status(413, "<html><title>413 Request Entity Too Large</title></html>"), ModelError, 1, "The request is too large: 413 Request Entity Too Large"),
        (Status(401, headers={"WWW-Authenticate": 'Basic realm="x"'}), ForbiddenError, 5, "requires a user name and a password"),
        (Status(400, {"error": {"message": "Invalid model name passed in model=nope"}}), NotFoundError, 3, "no model 'test-model'"),
        (Status(400, {"error": {"message": "nope is not a valid model ID"}}), NotFoundError, 3, "no model 'test-model'"),
        (Status(400, {"error": {"message": "System role not supported"}}), ModelError, 1, "'/system none' removes it"),
        (Status(400, {"error": {"message": "Only user and assistant roles are supported!"}}), ModelError, 1, "/system none"),
        (Status(422, {"detail": [{"loc": ["body", "top_k"], "msg": "Extra inputs"}]}), ModelError, 1, "top_k: Extra inputs (HTTP 422)"),
        (Redirect("https://u:secret@h.example/x/v1/chat/completions?k=secret"), ConnectError, 4, "pass --endpoint https://h.example/x"),
        (Redirect("/elsewhere/v1/chat/completions"), ConnectError, 4, "/elsewhere"),
        (Redirect("http://[::1"), ConnectError, 4, "an address that is not valid"),
        (Raw(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03"), ConnectError, 4, "takes HTTP/2 only"),
        (Raw(b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\nx"), ConnectError, 4, "content encoding that cannot be decoded"),
    ],
)  # fmt: skip
def test_each_error_has_a_message_of_its_own(model_server, chat, reply, error, code, text):
    model_server.enqueue(reply)
    caught = failure(chat, error, request(model="test-model"))
    shown = "\n".join(caught.lines(in_shell=True))
    assert text in shown
    assert "secret" not in shown
    assert caught.exit_code == code


# Lost and slow connections


def test_a_busy_server_is_retried(model_server, chat):
    model_server.enqueue(
        Status(429, retry_after=0.05), Status(503, retry_after=0.05), Status(502, retry_after=0), Say("Hi")
    )
    assert chat.ask().content == "Hi"
    assert [wait.reason.partition(":")[0] for wait in chat.waits] == ["the server is busy"] * 3
    assert [wait.delay >= 0.05 for wait in chat.waits] == [True] * 3


def test_a_refused_connection_is_given_up_soon(refused_url):
    started = time.monotonic()
    chat = Chat(refused_url)
    error = failure(chat, ConnectError)
    assert time.monotonic() - started < 60
    assert error.hints[0] == f"Endpoint: {refused_url}/chat/completions"
    assert "Connection refused" in error.hints[2]
    assert sum(wait.delay for wait in chat.waits) <= 3


def test_a_reused_connection_that_has_died_is_replaced(model_server, chat):
    model_server.enqueue(Say("one"), CloseBeforeHead(), Say("two"))
    assert [answer.content for answer in chat.turns(request(), request())] == ["one", "two"]
    assert [one.connection for one in model_server.chats] == [1, 1, 2]


def test_a_reused_connection_is_replaced_once(model_server, chat):
    model_server.enqueue(Say("one"), CloseBeforeHead(), CloseBeforeHead())
    with pytest.raises(ConnectError):
        chat.turns(request(), request())
    assert len(model_server.chats) == 3


@pytest.mark.parametrize("reset", [False, True])
def test_a_new_connection_that_is_closed_is_an_error(model_server, chat, reset):
    model_server.enqueue(CloseBeforeHead(reset=reset))
    assert "closed the connection without a response" in failure(chat, ConnectError).hints[2]
    assert len(model_server.chats) == 1


def test_a_tunnelled_connection_is_retried(model_server):
    model_server.enqueue(CloseBeforeHead(), Say("two"))
    assert Chat(model_server.url, tunnelled=True).ask().content == "two"


def test_a_connection_is_reused_by_the_next_turn(model_server, chat):
    chat.turns(request(), request(), request())
    assert {one.connection for one in model_server.chats} == {1}


def test_a_server_that_accepts_and_sends_nothing(model_server):
    model_server.enqueue(Hang())
    error = failure(Chat(model_server.url, Settings(idle_timeout=0.2)), ConnectError)
    assert "sent nothing for 0.2 s (--idle-timeout)" in error.hints[2]


def test_a_server_that_does_not_use_http(model_server, chat):
    model_server.enqueue(Raw(b"SSH-2.0-OpenSSH_9.2\r\n"))
    assert "does not use HTTP" in failure(chat, ConnectError).hints[2]


def test_an_unknown_host():
    error = failure(Chat("http://no-such-host.invalid"), ConnectError)
    assert "Host 'no-such-host.invalid' not found" in error.hints[2]


@pytest.mark.parametrize("status", [400, 402, 408, 409, 422, 500, 501, 507])
def test_only_what_a_request_says_is_to_be_changed(status):
    error = ModelError("no", status=status)
    add_next_steps(error, "kubectl logs my-llama-0")
    shown = [str(hint) for hint in error.hints]
    assert any("Change the message" in hint for hint in shown) is (status in (400, 422))
    assert any("kubectl logs my-llama-0" in hint for hint in shown) is (status not in (400, 422))
