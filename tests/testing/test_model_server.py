"""The model server: routes, options, its log and how it stops."""

import contextlib
import gc
import json
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import urllib.request

import pytest

from kaito.testing import Gate, Hang, ModelServer, Raw, Say, Status, refused_url
from tests.controlplane.ports import reserved_port
from tests.testing.http_client import hello, read_all, read_until


def test_it_lists_its_model_with_the_window(ask):
    with ModelServer("phi", window=2048) as server:
        (card,) = ask(server, "/v1/models").json["data"]
    assert (card["id"], card["max_model_len"], card["owned_by"]) == ("phi", 2048, "vllm")


def test_adapters_are_listed_without_a_window_and_served(ask):
    with ModelServer("phi", adapters=["pirate"], window=2048) as server:
        card = ask(server, "/v1/models").json["data"][1]
        assert (card["id"], card["parent"], card["max_model_len"]) == ("pirate", "phi", None)
        answer = ask(server, body=hello(model="pirate"))
    assert answer.events[0]["model"] == "pirate"


def test_llama_cpp_lists_no_window(ask):
    with ModelServer(window=2048, dialect="llama.cpp") as server:
        assert "max_model_len" not in ask(server, "/v1/models").json["data"][0]


def test_a_server_may_have_no_model_list(ask):
    with ModelServer(list_models=False) as server:
        answer = ask(server, "/v1/models")
    assert (answer.status, answer.json) == (404, {"detail": "Not Found"})


def test_it_echoes_by_default(ask, model_server):
    assert ask(model_server, body=hello()).text == "Hi there"
    model_server.default = Say("Always")
    assert ask(model_server, body=hello()).text == "Always"


def test_replies_are_sent_in_order_and_then_the_default(ask, model_server):
    model_server.enqueue(Say("one"), Status(429), lambda request: Say(request.last_message.upper()))
    assert model_server.pending == 3
    answers = [ask(model_server, body=hello()) for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 429, 200, 200]
    assert [answers[i].text for i in (0, 2, 3)] == ["one", "HI THERE", "Hi there"]
    assert model_server.pending == 0


@pytest.mark.parametrize(("elsewhere", "detail"), [(404, "Not Found"), (405, "Method Not Allowed")])
def test_bare_paths(ask, elsewhere, detail):
    with ModelServer(prefix="", elsewhere=elsewhere) as server:
        assert ask(server, "/chat/completions", hello()).text == "Hi there"
        assert ask(server, "/models").status == 200
        answer = ask(server, body=hello())
    assert (answer.status, answer.json) == (elsewhere, {"detail": detail})


def test_both_prefixes(ask):
    with ModelServer(prefix=["", "/v1", "/gateway/v1"]) as server:
        paths = ["/chat/completions", "/v1/chat/completions", "/gateway/v1/chat/completions"]
        assert [ask(server, path, hello()).status for path in paths] == [200, 200, 200]
        assert [chat.path for chat in server.chats] == paths


def test_the_bare_path_is_unknown_by_default(ask, model_server):
    assert ask(model_server, "/chat/completions", hello()).json == {"detail": "Not Found"}


@pytest.mark.parametrize(
    ("path", "method"), [("/v1/models", "POST"), ("/v1/chat/completions", "GET"), ("/tokenize", "GET")]
)
def test_a_wrong_method(ask, model_server, path, method):
    assert ask(model_server, path, method=method).status == 405


def test_tokenize_counts_words(ask):
    with ModelServer(window=64) as server:
        request = {"model": "test-model", "messages": [{"role": "user", "content": "one two three"}]}
        answer = ask(server, "/tokenize", request).json
        assert (answer["count"], answer["max_model_len"], len(answer["tokens"])) == (3, 64, 3)
        server.tokenize = False
        assert ask(server, "/tokenize", request).status == 404


def test_health(ask, model_server):
    answer = ask(model_server, "/health")
    assert (answer.status, answer.body) == (200, b"")


def test_custom_routes(ask, model_server):
    model_server.route("/metrics", Status(200, "up 1\n"))
    model_server.route("/v1/models", lambda request: Status(503))
    assert ask(model_server, "/metrics").body == b"up 1\n"
    assert ask(model_server, "/v1/models").status == 503
    model_server.route("/v1/models", None)
    assert ask(model_server, "/v1/models").status == 200


def test_the_api_key_is_required(ask):
    with ModelServer(api_key="secret") as server:
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            answer = ask(server, "/v1/models", headers=headers)
            assert (answer.status, answer.json) == (401, {"error": "Unauthorized"})
        assert ask(server, body=hello(), headers={"Authorization": "Bearer secret"}).status == 200
        assert ask(server, "/health").status == 200


def test_requests_are_recorded(ask, model_server):
    ask(model_server, "/v1/models?x=1")
    ask(model_server, body=hello(stream_options={"include_usage": True}), headers={"X-Team": "blue"})
    first, second = model_server.wait_for_requests(2)
    assert (first.method, first.target, first.path, first.body) == ("GET", "/v1/models?x=1", "/v1/models", None)
    assert (first.messages, first.last_message, first.streams) == ([], "", False)
    assert (second.method, second.headers["x-team"], json.loads(second.raw)) == ("POST", "blue", second.body)
    assert second.messages == [{"role": "user", "content": "Hi there"}]
    assert second.streams
    assert second.wants_usage
    assert first.at <= second.at
    assert first.connection == second.connection == 1
    assert model_server.chats == model_server.wait_for_chats(1) == [second]


def test_a_message_may_have_parts(ask, model_server):
    parts = [{"type": "text", "text": "one "}, {"type": "image_url"}, {"type": "text", "text": "two"}]
    assert ask(model_server, body={"messages": [{"role": "user", "content": parts}], "stream": True}).text == "one two"


def test_a_failed_wait_lists_the_requests(ask, model_server):
    ask(model_server, "/v1/models")
    with pytest.raises(AssertionError, match=r"1 requests instead of 2 .*\n  GET /v1/models"):
        model_server.wait_for_requests(2, timeout=0.05)
    with pytest.raises(AssertionError, match="0 disconnects"):
        model_server.wait_for_disconnect(0.05)


def test_a_disconnect_within_a_reply_is_recorded(dial, model_server):
    gate = Gate()
    model_server.enqueue(Say(chunks=["Hel", gate, "lo"]))
    client = dial(model_server)
    read_until(client, b"Hel")
    gate.wait_reached()
    assert model_server.disconnects == []
    client.close()
    disconnect = model_server.wait_for_disconnect()
    assert disconnect.request == model_server.chats[0]
    assert disconnect.at > disconnect.request.at
    gate.open()


def test_a_disconnect_of_a_client_that_does_not_read_is_recorded(dial, model_server):
    model_server.enqueue(Say("x" * 64_000_000))
    client = dial(model_server)
    read_until(client, b"200 OK")
    client.close()
    model_server.wait_for_disconnect()


def test_a_client_that_reads_late_receives_everything(dial, ask, model_server):
    model_server.enqueue(Say("x" * 16_000_000))
    client = dial(model_server)
    read_until(client, b"200 OK")
    ask(model_server, body=hello())
    assert read_until(client, b"[DONE]\n\n\r\n0\r\n\r\n").count(b"x" * 1000) > 0
    assert model_server.disconnects == []


def test_a_disconnect_within_a_request(model_server):
    with socket.create_connection(("127.0.0.1", model_server.port), timeout=60) as client:
        client.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 10\r\n\r\n{")
        client.shutdown(socket.SHUT_WR)
        assert read_all(client) == b""
    assert model_server.requests == []


def test_a_disconnect_after_the_answer_is_not_recorded(dial, ask, model_server):
    model_server.enqueue(Say("Hello", linger=3600))
    client = dial(model_server)
    read_until(client, b"[DONE]")
    client.close()
    ask(model_server, body=hello())
    assert model_server.disconnects == []


def test_the_connection_header_decides_about_reuse(ask, dial, model_server):
    ask(model_server, body=hello())
    ask(model_server, body=hello())
    ask(model_server, body=hello(), headers={"Connection": "close"})
    ask(model_server, body=hello())
    assert [request.connection for request in model_server.requests] == [1, 1, 1, 2]


def test_a_request_that_arrives_byte_by_byte(model_server):
    data = json.dumps(hello()).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: {len(data)}\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", model_server.port), timeout=60) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in head.encode() + data:
            client.sendall(bytes([byte]))
        assert b"there" in read_all(client)
    assert model_server.chats[0].last_message == "Hi there"


def test_two_pipelined_requests(model_server):
    request = b"GET /health HTTP/1.1\r\n\r\nGET /health HTTP/1.1\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", model_server.port), timeout=60) as client:
        client.sendall(request)
        assert read_all(client).count(b"200 OK") == 2


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (b"nonsense\r\n\r\n", b""),
        (b"POST /x HTTP/1.1\r\nContent-Length: many\r\n\r\n", b""),
        (b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"HTTP/1.1 411 Length Required"),
    ],
)
def test_a_malformed_request_ends_the_connection(model_server, request_, answer):
    with socket.create_connection(("127.0.0.1", model_server.port), timeout=60) as client:
        client.sendall(request_)
        assert read_all(client).startswith(answer)
    assert model_server.requests == []


def test_requests_to_a_proxy_are_accepted(ask, model_server):
    ask(model_server, "http://model.example/v1/chat/completions", hello())
    (chat,) = model_server.chats
    assert (chat.target, chat.path) == ("http://model.example/v1/chat/completions", "/v1/chat/completions")


def test_concurrent_clients(dial, model_server):
    gate = Gate()
    model_server.default = Say(chunks=["a", gate, "b"])
    clients = [dial(model_server, hello(n=number)) for number in range(20)]
    model_server.wait_for_chats(20)
    gate.open()
    assert all(b"[DONE]" in read_until(client, b"0\r\n\r\n") for client in clients)
    assert {chat.connection for chat in model_server.chats} == set(range(1, 21))


def test_an_exception_of_a_responder_is_raised_by_stop(ask):
    def broken(request):
        raise LookupError("no such answer")

    server = ModelServer(default=broken).start()
    with pytest.raises(ConnectionError):
        ask(server, body=hello())
    with pytest.raises(LookupError, match="no such answer"):
        server.stop()


@pytest.mark.parametrize("step", [Hang(), Hang(head=True), Hang("Hel"), Say("a b c", delay=3600)])
def test_stopping_is_prompt_and_leaves_nothing(dial, step):
    before = threading.active_count()
    server = ModelServer(default=step).start()
    client = dial(server)
    server.wait_for_chats(1)
    idle = [socket.create_connection(("127.0.0.1", server.port), timeout=60) for _ in range(3)]
    server.stop()
    assert threading.active_count() == before
    for end in (client, *idle):
        with contextlib.suppress(ConnectionError):
            read_all(end)
        end.close()
    server.stop()
    gc.collect()


def test_another_server_can_take_its_port(ask):
    with reserved_port() as port:
        with ModelServer("old", port=port) as server:
            ask(server, "/v1/models")
        with ModelServer("new", port=port) as server:
            assert server.port == port
            with urllib.request.urlopen(f"{server.url}/v1/models", timeout=60) as response:
                assert json.load(response)["data"][0]["id"] == "new"


def test_a_taken_port_is_an_error(model_server):
    with pytest.raises(OSError, match="in use"):
        ModelServer(port=model_server.port).start()


def test_a_refused_url():
    with refused_url() as url:
        port = int(url.rpartition(":")[2])
        for _ in range(3):
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port), timeout=60)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate")
    folder = tmp_path_factory.mktemp("tls")
    names = [str(folder / "cert.pem"), str(folder / "key.pem")]
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    )
    subprocess.run([*command.split(), "-out", names[0], "-keyout", names[1]], check=True, capture_output=True)
    return names[0], names[1]


def test_tls(certificate):
    with ModelServer(tls=certificate) as server:
        assert server.url.startswith("https://")
        context = ssl.create_default_context(cafile=certificate[0])
        for _ in range(2):
            with urllib.request.urlopen(f"{server.url}/v1/models", context=context, timeout=60) as response:
                assert json.load(response)["object"] == "list"
        with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
            urllib.request.urlopen(server.url, context=ssl.create_default_context(), timeout=60)
        with socket.create_connection(("127.0.0.1", server.port), timeout=60) as silent:
            silent.settimeout(60)
            server.stop()
    assert [request.path for request in server.requests] == ["/v1/models"] * 2


def test_tls_interrupted_reply(certificate):
    context = ssl.create_default_context(cafile=certificate[0])
    with ModelServer(tls=certificate, default=Hang("Hel")) as server:
        raw = socket.create_connection(("127.0.0.1", server.port), timeout=60)
        with context.wrap_socket(raw, server_hostname="127.0.0.1") as client:
            data = json.dumps(hello()).encode()
            client.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(data) + data)
            read_until(client, b"Hel")
        server.wait_for_disconnect()


def test_a_raw_reply_may_keep_its_connection(ask, model_server):
    model_server.default = Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", close=False)
    assert [ask(model_server, body=hello()).body for _ in range(3)] == [b"ok"] * 3
    assert {request.connection for request in model_server.requests} == {1}


def test_importing_needs_neither_pytest_nor_pyte():
    code = "import kaito.testing, sys; print([m for m in ('pytest', 'pyte') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
