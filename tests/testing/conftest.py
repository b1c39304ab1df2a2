"""Fixtures that send requests to a server."""

import http.client
import json
import socket

import pytest

from tests.testing.http_client import Answer, hello


@pytest.fixture
def ask():
    """Send requests with http.client, over one connection for each server while it is open."""
    connections: dict[int, http.client.HTTPConnection] = {}

    def send(server, path="/v1/chat/completions", body=None, method=None, headers=None):
        connection = connections.setdefault(server.port, http.client.HTTPConnection("127.0.0.1", server.port, 60))
        data = None if body is None else json.dumps(body)
        connection.request(method or ("GET" if body is None else "POST"), path, data, headers or {})
        response = connection.getresponse()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())

    yield send
    for connection in connections.values():
        connection.close()


@pytest.fixture
def dial():
    """Open a socket and send a chat request on it."""
    sockets = []

    def open_socket(server, body=None):
        client = socket.create_connection(("127.0.0.1", server.port), timeout=60)
        sockets.append(client)
        data = json.dumps(hello() if body is None else body).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: test\r\nContent-Length: {len(data)}\r\n\r\n"
        client.sendall(head.encode() + data)
        return client

    yield open_socket
    for client in sockets:
        client.close()
