"""`kaito forward` with many clients at once, and with too few open files for them."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import time
from urllib.parse import urlsplit

import pytest

from kaito.testing import Gate, Say
from tests.e2e.background_process import Forward

BODY = json.dumps({"model": "test-model", "messages": [{"role": "user", "content": "x"}], "stream": True})


def connections(url, count):
    """Return this many client connections, which an exit stack closes."""
    parts = urlsplit(url)
    return [http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=60) for _ in range(count)]


def test_more_than_a_hundred_requests_at_once(model_server):
    gate = Gate()
    model_server.default = Say(chunks=["one", gate, "two"])
    with Forward("--endpoint", model_server.url) as forward, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(contextlib.closing(client)) for client in connections(forward.url, 150)]
        for client in clients:
            client.request("POST", "/v1/chat/completions", BODY)
        # Each gets its first word while all of them are being answered.
        responses = [client.getresponse() for client in clients]
        for response in responses:
            seen = b""
            while b"one" not in seen:
                seen += response.read1()
        gate.open()
        assert all(b"two" in response.read() for response in responses)
        assert forward.err == []


@pytest.mark.parametrize("limit", [24, 40])
def test_too_many_open_files(model_server, limit):
    with Forward("--endpoint", model_server.url, open_files=limit) as forward, contextlib.ExitStack() as idle:
        parts = urlsplit(forward.url)
        address = (str(parts.hostname), parts.port or 0)
        sockets = [idle.enter_context(socket.create_connection(address, timeout=60)) for _ in range(2 * limit)]
        forward.wait_for("New connections must wait", err=True)
        # A connection that was accepted is answered, though no other one can be opened for it.
        sockets[0].sendall(b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n")
        response = http.client.HTTPResponse(sockets[0])
        response.begin()
        assert response.status == 503
        assert "Too many open files" in json.load(response)["error"]["message"]
        response.close()
        # asyncio tries to accept once a second.
        time.sleep(2.5)
        idle.close()
        [client] = connections(forward.url, 1)
        with contextlib.closing(client):
            client.request("GET", "/v1/models")
            assert client.getresponse().status == 200
        assert forward.interrupt() == 130
        assert forward.err == ["New connections must wait: Too many open files; 'ulimit -n' sets the limit"]
