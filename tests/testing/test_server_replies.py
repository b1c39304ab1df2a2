"""Each reply, checked by the bytes that the client receives."""

import http.client
import json
import time
from dataclasses import dataclass
from typing import Any

import pytest

from kaito.testing import (
    CloseBeforeHead,
    Cut,
    ErrorEvent,
    Exchange,
    Gate,
    Hang,
    HtmlPage,
    ModelServer,
    Raw,
    Redirect,
    Say,
    Status,
)
from kaito.types import Usage
from tests.testing.http_client import Answer, hello, read_all, read_until


def deltas(answer: Answer) -> list[Any]:
    return [event["choices"][0]["delta"] for event in answer.events if event["choices"]]


def test_a_stream_as_vllm_sends_it(ask, model_server):
    model_server.enqueue(Say("Hello, dear world "))
    answer = ask(model_server, body=hello())
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["transfer-encoding"] == "chunked"
    assert answer.body.endswith(b"\n\ndata: [DONE]\n\n")
    assert deltas(answer) == [
        {"role": "assistant", "content": ""},
        {"content": "Hello,"},
        {"content": " dear"},
        {"content": " world "},
        {},
    ]
    assert [event["choices"][0]["finish_reason"] for event in answer.events] == [None] * 4 + ["stop"]
    assert {event["object"] for event in answer.events} == {"chat.completion.chunk"}


@pytest.mark.parametrize("text", ["", " ", "one", " one\n\ntwo  ", "\n", "a\u2028b", "😀 ä"])
def test_every_character_arrives(ask, model_server, text):
    model_server.enqueue(Say(text), Say(text))
    assert ask(model_server, body=hello()).text == text
    assert ask(model_server, body=hello(stream=False)).json["choices"][0]["message"]["content"] == text


def test_an_answer_as_one_object(ask, model_server):
    model_server.enqueue(Say("Hello world", finish_reason="length", reasoning="Hm"))
    answer = ask(model_server, body=hello(stream=False))
    (choice,) = answer.json["choices"]
    assert answer.headers["content-type"] == "application/json"
    assert choice["message"] == {"role": "assistant", "content": "Hello world", "reasoning_content": "Hm"}
    assert choice["finish_reason"] == "length"
    assert answer.json["usage"] == {
        "prompt_tokens": 2,
        "total_tokens": 5,
        "completion_tokens": 3,
        "prompt_tokens_details": None,
    }


def test_one_object_although_the_request_asks_for_a_stream(ask, model_server):
    model_server.enqueue(Say("Hello", unstreamed=True))
    answer = ask(model_server, body=hello())
    assert (answer.headers["content-type"], answer.json["object"]) == ("application/json", "chat.completion")


def test_usage_is_sent_on_request(ask, model_server):
    request = hello(stream_options={"include_usage": True})
    model_server.enqueue(Say("a b c"), Say("a b c"), Say("a b c", usage=False))
    assert "usage" not in ask(model_server, body=hello()).events[-1]
    last = ask(model_server, body=request).events[-1]
    assert last["choices"] == []
    assert (last["usage"]["prompt_tokens"], last["usage"]["completion_tokens"]) == (2, 3)
    assert "usage" not in ask(model_server, body=request).events[-1]


def test_usage_set_by_the_test(ask, model_server):
    model_server.enqueue(Say("a", usage=Usage(prompt_tokens=100, completion_tokens=7, cached_tokens=96)))
    usage = ask(model_server, body=hello(stream_options={"include_usage": True})).events[-1]["usage"]
    assert usage == {
        "prompt_tokens": 100,
        "total_tokens": 107,
        "completion_tokens": 7,
        "prompt_tokens_details": {"cached_tokens": 96},
    }


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_reasoning_comes_first(ask, model_server, field):
    model_server.enqueue(Say("Yes", reasoning="Let me see", reasoning_field=field))
    sent = deltas(ask(model_server, body=hello()))
    assert [delta[field] for delta in sent[1:4]] == ["Let", " me", " see"]
    assert sent[4] == {"content": "Yes"}


def test_the_answers_model_name_can_differ(ask, model_server):
    model_server.enqueue(Say("x", model="other"))
    assert ask(model_server, body=hello()).events[0]["model"] == "other"


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_line_endings(ask, model_server, newline):
    model_server.enqueue(Say("Hello", newline=newline))
    answer = ask(model_server, body=hello())
    assert answer.body.endswith(f"{newline * 2}data: [DONE]{newline * 2}".encode())
    assert answer.text == "Hello"


def test_comments(ask, model_server):
    model_server.enqueue(Say("Hello", comments=True))
    answer = ask(model_server, body=hello())
    assert answer.body.startswith(b": ping\n\ndata: ")
    assert answer.text == "Hello"


@pytest.mark.parametrize("content_type", [None, "application/octet-stream"])
@pytest.mark.parametrize("stream", [True, False])
def test_content_types(ask, model_server, content_type, stream):
    model_server.enqueue(Say("Hello", content_type=content_type))
    assert ask(model_server, body=hello(stream=stream)).headers.get("content-type") == content_type


def test_no_done_and_no_finish_reason(ask, model_server):
    model_server.enqueue(Say("Hello", done=False), Say("Hello", finish_reason=None))
    assert b"[DONE]" not in ask(model_server, body=hello()).body
    assert deltas(ask(model_server, body=hello()))[-1] == {"content": "Hello"}


@pytest.mark.parametrize("size", [1, 7])
@pytest.mark.parametrize("stream", [True, False])
def test_split_within_characters(ask, model_server, size, stream):
    model_server.enqueue(Say("😀 äöü", split=size))
    answer = ask(model_server, body=hello(stream=stream))
    assert (answer.text if stream else answer.json["choices"][0]["message"]["content"]) == "😀 äöü"


def test_split_chunks_have_that_size(dial, model_server):
    model_server.enqueue(Say("😀", split=5))
    body = read_until(dial(model_server), b"0\r\n\r\n").partition(b"\r\n\r\n")[2]
    assert body.startswith(b"5\r\ndata:\r\n5\r\n")


def test_the_same_answer_has_the_same_bytes(ask, model_server):
    model_server.default = Say("Hello " * 100)
    assert ask(model_server, body=hello()).body == ask(model_server, body=hello()).body


def test_delays(ask, model_server):
    model_server.enqueue(Say("a b", head_delay=0.05, first_delay=0.05, delay=0.05))
    begin = time.monotonic()
    assert ask(model_server, body=hello()).text == "a b"
    assert time.monotonic() - begin >= 0.14


def test_a_gate_delays_the_answer(dial, model_server):
    first, second = Gate(), Gate()
    model_server.enqueue(Say(chunks=[first, "Hel", second, "lo"]))
    client = dial(model_server)
    read_until(client, b"200 OK")
    first.wait_reached()
    with pytest.raises(AssertionError, match="No reply reached the gate"):
        second.wait_reached(0.05)
    first.open()
    read_until(client, b'"Hel"')
    second.open()
    second.open()
    assert b'"lo"' in read_until(client, b"[DONE]")


def test_the_body_stays_open(dial, model_server):
    model_server.enqueue(Say("Hello", linger=3600))
    client = dial(model_server)
    read_until(client, b"[DONE]\n\n\r\n")
    client.settimeout(0.05)
    with pytest.raises(TimeoutError):
        client.recv(1)


def test_cut_at_the_end_of_the_body(ask, model_server):
    model_server.enqueue(Cut("Hel lo", how="end"))
    answer = ask(model_server, body=hello())
    assert answer.text == "Hel lo"
    assert {event["choices"][0]["finish_reason"] for event in answer.events} == {None}
    assert ask(model_server, body=hello()).status == 200
    assert model_server.chats[-1].connection == 1


def test_cut_within_the_body(dial, model_server):
    model_server.enqueue(Cut("Hel"))
    data = read_all(dial(model_server))
    assert b'"Hel"' in data
    assert data.endswith(b"}\n\n\r\n")


def test_cut_within_a_chunk(dial, ask, model_server):
    model_server.enqueue(Cut("Hel", how="chunk"), Cut("Hel", how="chunk"))
    assert read_all(dial(model_server)).endswith(b'\ndata: {"id":"chatcmpl-test","object":"chat.completion.chunk","')
    with pytest.raises(http.client.IncompleteRead) as caught:
        ask(model_server, body=hello())
    assert b'"Hel"' in caught.value.partial


def test_cut_by_a_reset(dial, model_server):
    gate = Gate()
    model_server.enqueue(Cut("Hel", how="reset", gate=gate))
    client = dial(model_server)
    read_until(client, b'"Hel"')
    gate.open()
    with pytest.raises(ConnectionResetError):
        client.recv(1)


def test_cut_within_an_object(ask, model_server):
    model_server.enqueue(Cut("Hel"))
    with pytest.raises(http.client.IncompleteRead):
        ask(model_server, body=hello(stream=False))


def test_an_error_in_mid_stream(ask, model_server):
    model_server.enqueue(ErrorEvent("Hel"), ErrorEvent(error={"message": "out of memory"}, done=False))
    answer = ask(model_server, body=hello())
    assert answer.events[-1]["error"]["type"] == "InternalServerError"
    assert [event["choices"][0]["delta"].get("content") for event in answer.events[:-1]] == ["", "Hel"]
    assert answer.body.endswith(b"data: [DONE]\n\n")
    answer = ask(model_server, body=hello())
    assert answer.events[-1] == {"error": {"message": "out of memory"}}
    assert b"[DONE]" not in answer.body


def test_an_error_instead_of_an_object(ask, model_server):
    model_server.enqueue(ErrorEvent("Hel"))
    assert ask(model_server, body=hello(stream=False)).status == 500


@pytest.mark.parametrize(
    ("reply", "sent"),
    [(Hang(), b""), (Hang(head=True), b"HTTP/1.1 200 OK"), (Hang("Hel"), b'"Hel"')],
)
def test_hanging_until_the_client_disconnects(dial, model_server, reply, sent):
    model_server.enqueue(reply)
    client = dial(model_server)
    model_server.wait_for_chats(1)
    read_until(client, sent)
    client.settimeout(0.05)
    with pytest.raises(TimeoutError):
        client.recv(65536)
    client.close()
    model_server.wait_for_disconnect()


def test_closing_before_the_head(ask, dial, model_server):
    ask(model_server, "/health")
    model_server.enqueue(CloseBeforeHead(), CloseBeforeHead(b"HTTP/1.1 2"), CloseBeforeHead(reset=True))
    with pytest.raises(http.client.RemoteDisconnected):
        ask(model_server, body=hello())
    assert read_all(dial(model_server)) == b"HTTP/1.1 2"
    with pytest.raises(ConnectionResetError):
        read_all(dial(model_server))


@pytest.mark.parametrize(
    ("code", "content_type", "text"),
    [
        (400, "application/json", "BadRequestError"),
        (401, "application/json", '{"error":"Unauthorized"}'),
        (403, "application/json", "Forbidden"),
        (404, "application/json", '{"detail":"Not Found"}'),
        (405, "application/json", '{"detail":"Method Not Allowed"}'),
        (429, "application/json", "rate_limit_exceeded"),
        (500, "application/json", "InternalServerError"),
        (502, "text/html", "<center>nginx</center>"),
        (503, "application/json", "no endpoints available for service"),
        (418, "text/plain; charset=utf-8", ""),
        (599, "text/plain; charset=utf-8", ""),
    ],
)
def test_default_bodies(ask, model_server, code, content_type, text):
    model_server.enqueue(Status(code))
    answer = ask(model_server, body=hello())
    assert (answer.status, answer.headers["content-type"]) == (code, content_type)
    assert text in answer.body.decode()


def test_bodies_set_by_the_test(ask, model_server):
    model_server.enqueue(
        Status(400, {"error": "ä"}, headers={"X-Reason": "none"}),
        Status(500, "broken", content_type="text/x"),
        Status(503, "<p>later</p>", retry_after=2),
        Status(429, retry_after="Wed, 21 Oct 2015 07:28:00 GMT"),
    )
    answers = [ask(model_server, body=hello()) for _ in range(4)]
    assert (answers[0].json, answers[0].headers["x-reason"]) == ({"error": "ä"}, "none")
    assert (answers[1].body, answers[1].headers["content-type"]) == (b"broken", "text/x")
    assert (answers[2].headers["content-type"], answers[2].headers["retry-after"]) == ("text/html", "2")
    assert answers[3].headers["retry-after"] == "Wed, 21 Oct 2015 07:28:00 GMT"


def test_a_page_and_a_redirect(ask, model_server):
    model_server.enqueue(HtmlPage("Sign in"), HtmlPage("Gone", 410), Redirect("https://elsewhere.example/", 308))
    page, gone, redirect = (ask(model_server, body=hello()) for _ in range(3))
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert b"<title>Sign in</title>" in page.body
    assert gone.status == 410
    assert (redirect.status, redirect.headers["location"]) == (308, "https://elsewhere.example/")


def test_raw_bytes(dial, model_server):
    gate = Gate()
    model_server.enqueue(Raw(b"SSH-2.0-x\r\n"), Raw([b"HTTP/1.1 200 ", gate, b"OK\r\n", b"\r\nx"], delay=0.01))
    assert read_all(dial(model_server)) == b"SSH-2.0-x\r\n"
    client = dial(model_server)
    assert read_until(client, b"200 ") == b"HTTP/1.1 200 "
    gate.open()
    assert read_all(client) == b"OK\r\n\r\nx"


def test_a_custom_reply(ask):
    @dataclass(frozen=True)
    class Count:
        async def send(self, exchange: Exchange) -> None:
            body = json.dumps({"words": exchange.prompt_tokens}).encode()
            await exchange.respond(200, body, "application/json", {})

    with ModelServer(default=Count()) as server:
        assert ask(server, body=hello()).json == {"words": 2}
