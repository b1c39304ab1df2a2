"""`kaito forward` in front of a server: what is forwarded, what is rejected, and how it ends."""

from __future__ import annotations

import gzip
import http.client
import json
import shutil
import signal
import socket
import subprocess
import sys
from urllib.parse import urlsplit

import pytest

from kaito.testing import Cut, Gate, Raw, Say, Status, run_kaito
from tests.e2e.background_process import Forward

CHAT = "/v1/chat/completions"
BODY = {"model": "test-model", "messages": [{"role": "user", "content": "hello there"}]}


@pytest.fixture
def server(model_server):
    return model_server


@pytest.fixture
def forward(server):
    with Forward("--endpoint", server.url) as forward:
        forward.wait_for("Forwarding http")
        yield forward


def connect(url: str) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    assert parts.hostname is not None
    return http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)


def exchange(url: str, method: str, path: str, body=None, headers=None):
    connection = connect(url)
    try:
        connection.request(method, path, json.dumps(body) if isinstance(body, dict) else body, headers or {})
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read()
    finally:
        connection.close()


def test_the_first_line(forward):
    assert forward.out[0].startswith("Forwarding http://127.0.0.1:")
    assert forward.out[0].endswith(" -> the endpoint via url")


def test_requests_and_responses_are_unchanged(forward, server):
    direct = exchange(server.url, "POST", CHAT, BODY, {"Content-Type": "application/json", "X-Mine": "a"})
    through = exchange(forward.url, "POST", CHAT, BODY, {"Content-Type": "application/json", "X-Mine": "a"})
    assert through[0] == 200
    assert direct[1].items() <= through[1].items()
    assert through[2] == direct[2]
    first, second = server.requests[-2:]
    assert first.raw == second.raw
    assert {**second.headers, "host": ""} == {**first.headers, "host": ""}


def test_streams_are_not_buffered(forward, server):
    gate = Gate()
    server.enqueue(Say(chunks=["one", gate, "two"]))
    connection = connect(forward.url)
    connection.request("POST", CHAT, json.dumps({**BODY, "stream": True}), {"Content-Type": "application/json"})
    response = connection.getresponse()
    seen = b""
    while b"one" not in seen:
        seen += response.read1()
    assert b"two" not in seen
    gate.open()
    assert b"two" in response.read()
    connection.close()


def test_compressed_responses(forward, server):
    packed = gzip.compress(b'{"a": 1}')
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}"
    )
    server.enqueue(Raw(head.encode() + b"\r\n\r\n" + packed))
    status, headers, body = exchange(forward.url, "POST", CHAT, BODY, {"Accept-Encoding": "gzip"})
    assert (status, headers["Content-Encoding"], body) == (200, "gzip", packed)


def test_error_responses_of_the_server(forward, server):
    server.enqueue(Status(429, retry_after=7))
    status, headers, body = exchange(forward.url, "POST", CHAT, BODY)
    assert (status, headers["Retry-After"]) == (429, "7")
    assert b"kaito" not in body
    assert exchange(forward.url, "GET", "/nothing/here?a=%2Fb")[0] == 404
    assert server.requests[-1].target == "/nothing/here?a=%2Fb"


def test_a_long_body(forward, server):
    text = "word " * 400_000
    body = {"messages": [{"role": "user", "content": text}]}
    assert exchange(forward.url, "POST", CHAT, body)[0] == 200
    assert server.chats[-1].last_message == text


def test_an_incomplete_response(forward, server):
    server.enqueue(Cut("half of"))
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        exchange(forward.url, "POST", CHAT, {**BODY, "stream": True})


@pytest.mark.timeout(120)
def test_an_invalid_chunk(forward, server):
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    server.enqueue(Raw([head, b"5\r\nHello\r\n", b"zz!\r\nfoo\r\n"], delay=0.05))
    with pytest.raises(http.client.IncompleteRead):
        exchange(forward.url, "POST", CHAT, BODY)


def test_a_long_error_response(forward, server):
    body = json.dumps({"error": {"message": "x" * 300_000}}).encode()
    head = b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    server.enqueue(Raw([head + body[:10], body[10:]], delay=0.1))
    status, _, passed = exchange(forward.url, "POST", CHAT, BODY)
    assert (status, passed) == (400, body)


def test_a_client_that_disconnects(forward, server):
    gate = Gate()
    server.enqueue(Say(chunks=["one", gate]))
    connection = connect(forward.url)
    connection.request("POST", CHAT, json.dumps({**BODY, "stream": True}))
    response = connection.getresponse()
    response.read1()
    response.close()
    connection.close()
    server.wait_for_disconnect()


def test_an_unreachable_server(refused_url):
    with Forward("--endpoint", refused_url) as forward:
        status, headers, body = exchange(forward.url, "GET", "/v1/models")
        assert status == 503
        assert "Retry-After" in headers
        assert "refused" in json.loads(body)["error"]["message"]


def test_the_user_s_key_replaces_the_client_s(server, monkeypatch):
    monkeypatch.setenv("KAITO_API_KEY", "sesame-open")
    with Forward("--endpoint", server.url) as forward:
        exchange(forward.url, "GET", "/v1/models", headers={"Authorization": "Bearer none"})
        assert server.requests[-1].headers["authorization"] == "Bearer sesame-open"


@pytest.mark.parametrize(
    "headers",
    [{"Host": "evil.example"}, {"Host": "evil.example:8080"}, {"Origin": "https://evil.example"}, {"Origin": "null"}],
)
def test_requests_of_web_pages_are_rejected(forward, server, headers):
    before = len(server.requests)
    status, _, body = exchange(forward.url, "POST", CHAT, BODY, headers)
    assert status == 403
    assert b"Only requests from this machine are allowed" in body
    assert len(server.requests) == before


def test_other_machines_with_address(server):
    with Forward("--endpoint", server.url, "--address", "0.0.0.0") as forward:
        url = forward.url.replace("0.0.0.0", "127.0.0.1")
        assert exchange(url, "GET", "/v1/models", headers={"Host": "192.0.2.5:8080"})[0] == 200
        # A site may have given its own name to the address.
        assert exchange(url, "GET", "/v1/models", headers={"Host": "evil.example:8080"})[0] == 403


@pytest.mark.parametrize(
    "target", ["/../secrets", "/v1/%2e%2e/%2E%2E/x", "/v1/%252e%252e/x", "//evil.example/v1", "*", "/a\\..\\b"]
)
def test_paths_outside_of_the_endpoint_are_rejected(forward, server, target):
    before = len(server.requests)
    assert exchange(forward.url, "GET", target)[0] == 400
    assert len(server.requests) == before


def test_a_request_with_an_absolute_url(forward, server):
    assert exchange(forward.url, "GET", "http://localhost/v1/models?a=b")[0] == 200
    assert server.requests[-1].target == "/v1/models?a=b"


def test_invalid_http_is_not_logged(forward):
    parts = urlsplit(forward.url)
    with socket.create_connection((parts.hostname, parts.port)) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: abc\r\n\r\n")
        assert b"400" in connection.recv(1000)
    assert forward.interrupt() == 130
    assert (len(forward.out), forward.err) == (1, [])


@pytest.mark.parametrize("headers", [{"Host": "localhost"}, {"Host": "[::1]:1"}, {"Origin": "http://localhost:3000"}])
def test_requests_of_this_machine_are_allowed(forward, headers):
    assert exchange(forward.url, "GET", "/v1/models", headers=headers)[0] == 200


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_signals_end_it(forward, server, number, code):
    gate = Gate()
    server.enqueue(Say(chunks=["one", gate]))
    connection = connect(forward.url)
    connection.request("POST", CHAT, json.dumps({**BODY, "stream": True}))
    connection.getresponse().read1()
    assert forward.interrupt(number) == code
    assert (len(forward.out), forward.err) == (1, [])
    parts = urlsplit(forward.url)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((parts.hostname, parts.port)).close()
    connection.close()


def test_sigterm_in_the_background(server):
    with Forward("--endpoint", server.url, ignore_sigint=True) as forward:
        assert exchange(forward.url, "GET", "/v1/models")[0] == 200
        assert forward.interrupt(signal.SIGTERM) == 143


def test_a_port_in_use(server):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        outcome = run_kaito("forward", "--endpoint", server.url, "--port", str(port))
    assert outcome.code == 2
    assert outcome.err.startswith(f"❌ Error: --port: {port} is in use on 127.0.0.1\n")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--port", "65536"), "--port: '65536' is not a port from 0 to 65535"),
        (("--port", "-1"), "--port: '-1' is not a port"),
        (("--address", "example.com"), "--address: 'example.com' is not an IP address"),
        (("--address", "203.0.113.1"), "--address: cannot listen on 203.0.113.1"),
    ],
)
def test_invalid_flags(server, flags, message):
    outcome = run_kaito("forward", "--endpoint", server.url, "--port", "0", *flags)
    assert outcome.code == 2
    assert message in outcome.err


def test_a_workspace_is_required():
    outcome = run_kaito("forward")
    assert outcome.code == 2
    assert "--workspace-name is required" in outcome.err


def test_curl(forward, server):
    curl = shutil.which("curl")
    assert curl is not None
    outcome = subprocess.run([curl, "-sf", f"{forward.url}/v1/models"], capture_output=True, check=True)
    assert json.loads(outcome.stdout)["data"][0]["id"] == "test-model"


_OPENAI = """
import sys, openai
client = openai.OpenAI(base_url=sys.argv[1] + "/v1", api_key="none")
print(client.models.list().data[0].id)
message = {"role": "user", "content": "hello there"}
for chunk in client.chat.completions.create(model="test-model", messages=[message], stream=True):
    print(chunk.choices[0].delta.content if chunk.choices else "", end="")
print()
print(client.chat.completions.create(model="test-model", messages=[message]).choices[0].message.content)
"""


def test_the_openai_client(forward):
    outcome = subprocess.run(
        [sys.executable, "-c", _OPENAI, forward.url], capture_output=True, text=True, check=True, timeout=60
    )
    assert outcome.stdout.replace("None", "") == "test-model\nhello there\nhello there\n"


@pytest.mark.parametrize("site", ["cross-site", "nonsense"])
def test_pages_of_other_sites_without_an_origin_are_rejected(forward, server, site):
    before = len(server.requests)
    assert exchange(forward.url, "GET", "/v1/models", headers={"Sec-Fetch-Site": site})[0] == 403
    assert len(server.requests) == before


def test_an_allowed_app(server):
    flags = ("--allow-origin", "app://obsidian.md", "--allow-origin=vscode-webview://")
    with Forward("--endpoint", server.url, *flags) as forward:
        for origin, status in (
            ("app://obsidian.md", 200),
            ("vscode-webview://0abc", 200),
            ("app://other", 403),
            ("https://evil.example", 403),
        ):
            headers = {"Origin": origin, "Sec-Fetch-Site": "cross-site"}
            answer = exchange(forward.url, "POST", CHAT, BODY, headers)
            assert (answer[0], answer[1].get("Access-Control-Allow-Origin") == origin) == (status, status == 200)


def test_an_origin_that_cannot_be_allowed(server):
    outcome = run_kaito("forward", "--endpoint", server.url, "--allow-origin", "*")
    assert outcome.code == 2
    assert outcome.err.startswith("❌ Error: --allow-origin: '*' is not an origin such as app://obsidian.md")


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("TRACE", "/v1/models", {}, 405),
        ("GET", "/v1/%00", {}, 400),
        ("GET", "/v1/%25%32%65%25%32%65/x", {}, 400),
        ("GET", "/v1/realtime", {"Connection": "Upgrade", "Upgrade": "websocket"}, 501),
    ],
)
def test_requests_that_are_not_forwarded(forward, server, method, path, headers, status):
    before = len(server.requests)
    answer = exchange(forward.url, method, path, headers=headers)
    assert (answer[0], json.loads(answer[2])["error"]["type"]) == (status, "kaito_forward")
    assert len(server.requests) == before


def test_an_upload_with_curl_does_not_wait(forward, server, tmp_path):
    body = tmp_path / "body.json"
    body.write_text(json.dumps({**BODY, "padding": "x" * 2_000_000}))
    curl = shutil.which("curl")
    assert curl is not None
    command = [curl, "-sf", "-H", "Expect: 100-continue", "--expect100-timeout", "600"]
    subprocess.run([*command, "--data-binary", f"@{body}", forward.url + CHAT], check=True, timeout=60)
    assert server.chats[-1].last_message == "hello there"
