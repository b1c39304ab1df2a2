"""The reverse proxy between a client and a server that are plain sockets."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from multidict import CIMultiDict

from kaito.forward.browser_policy import BrowserPolicy
from kaito.forward.proxy import ReverseProxy
from kaito.forward.request_body import KEPT
from kaito.forward.upstreams import Upstream
from kaito.settings import Settings
from kaito.types import Endpoint

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
HEAD = "{} /v1/x HTTP/1.1\r\nHost: localhost\r\n{}\r\n"


class Server:
    """A server whose `serve` is called with each connection's streams."""

    def __init__(self, serve):
        self.serve = serve
        self.connections = 0

    async def __call__(self, reader, writer):
        self.connections += 1
        try:
            await self.serve(reader, writer)
        finally:
            writer.close()


@asynccontextmanager
async def proxied(serve, **endpoint):
    """Yield a function that connects to a proxy in front of a server, and that server."""
    server = Server(serve)
    async with await asyncio.start_server(server, "127.0.0.1", 0) as listening:
        url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        async with Upstream("x", Endpoint(url=url, shown_url=url, label="x", **endpoint), Settings()) as upstream:
            proxy = ReverseProxy(lambda request: upstream, BrowserPolicy(local_only=True))
            # A refused body would be waited for.
            runner = web.ServerRunner(web.Server(proxy.handle, auto_decompress=False), shutdown_timeout=0.5)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            port = runner.addresses[0][1]
            writers = []

            async def connect():
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writers.append(writer)
                return reader, writer

            yield connect, server
            for writer in writers:
                writer.close()
            await runner.cleanup()


async def response_of(reader):
    """Return a response's status, headers and body."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = CIMultiDict(line.split(": ", 1) for line in head[1:] if line)
    return int(head[0].split()[1]), headers, await reader.readexactly(int(headers.get("Content-Length", 0)))


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 60))


async def authorize(request, handler):
    """Send a request twice if the first response is a 401, as the API server's proxy does."""
    response = await handler(request)
    if response.status == 401:
        response.close()
        response = await handler(request)
    return response


@pytest.mark.parametrize("middlewares", [(), (authorize,)])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_is_sent_on_while_it_arrives(middlewares, chunked):
    size = 8 * KEPT

    async def test():
        seen = asyncio.Event()

        async def serve(reader, writer):
            await reader.readuntil(b"first")
            seen.set()
            if chunked:
                received = b""
                while not received.endswith(b"0\r\n\r\n"):
                    received += await reader.read(65536)
            else:
                await reader.readexactly(size)
            writer.write(OK)

        async with proxied(serve, middlewares=middlewares) as (connect, _):
            reader, writer = await connect()
            length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {size + 5}"
            writer.write(HEAD.format("POST", f"{length}\r\n").encode() + (b"5\r\nfirst\r\n" if chunked else b"first"))
            await seen.wait()
            writer.write(b"%x\r\n%s\r\n0\r\n\r\n" % (size, b"x" * size) if chunked else b"x" * size)
            assert (await response_of(reader))[::2] == (200, b"ok")

    run(test())


@pytest.mark.parametrize(("size", "status"), [(1000, 200), (KEPT // 2, 200), (3 * KEPT, 503)])
def test_a_body_is_sent_again_when_it_is_not_too_large(size, status):
    bodies = []

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        bodies.append(await reader.readexactly(size))
        writer.write(OK if len(bodies) > 1 else b"HTTP/1.1 401 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")

    async def test():
        async with proxied(serve, middlewares=(authorize,)) as (connect, _):
            reader, writer = await connect()
            sent = bytes(range(250)) * (size // 250) + b"x" * (size % 250)
            writer.write(HEAD.format("POST", f"Content-Length: {size}\r\n").encode() + sent)
            response = await response_of(reader)
            assert response[0] == status
            assert bodies[0] == sent
            if status == 200:
                assert bodies[1] == sent
            else:
                assert "must be sent again" in json.loads(response[2])["error"]["message"]
                assert response[1]["Retry-After"]

    run(test())


def test_a_body_is_sent_again_while_it_still_arrives():
    seen = []

    async def serve(reader, writer):
        data = await reader.readuntil(b"first")
        seen.append(data)
        if len(seen) == 1:
            writer.write(b"HTTP/1.1 401 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
            await reader.read()
            return
        again.set()
        assert await reader.readexactly(6) == b"second"
        writer.write(OK)

    async def test():
        async with proxied(serve, middlewares=(authorize,)) as (connect, _):
            reader, writer = await connect()
            writer.write(HEAD.format("POST", "Content-Length: 11\r\n").encode() + b"first")
            await again.wait()
            writer.write(b"second")
            assert (await response_of(reader))[0] == 200

    again = asyncio.Event()
    run(test())


def test_a_kept_connection_that_was_dead_is_replaced():
    async def serve(reader, writer):
        await reader.readuntil(b"body")
        writer.write(OK)
        if server_connections[0].connections == 1:
            # The second request is read, and gets no answer.
            await reader.readuntil(b"body")

    server_connections = []

    async def test():
        async with proxied(serve) as (connect, server):
            server_connections.append(server)
            reader, writer = await connect()
            for _ in range(2):
                writer.write(HEAD.format("POST", "Content-Length: 4\r\n").encode() + b"body")
                assert (await response_of(reader))[0] == 200
            assert server.connections == 2

    run(test())


def test_expect_100_continue():
    async def serve(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"xpect" not in head
        assert await reader.readexactly(4) == b"body"
        writer.write(OK)

    async def test():
        async with proxied(serve) as (connect, _):
            reader, writer = await connect()
            for _ in range(2):
                writer.write(HEAD.format("POST", "Content-Length: 4\r\nExpect: 100-Continue\r\n").encode())
                assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
                writer.write(b"body")
                assert (await response_of(reader))[::2] == (200, b"ok")
            # A refused request gets its final status, and its body is not wanted.
            writer.write(HEAD.format("POST", "Content-Length: 4\r\nExpect: 100-continue\r\nOrigin: null\r\n").encode())
            status, headers, _ = await response_of(reader)
            assert (status, headers["Connection"]) == (403, "close")
            reader, writer = await connect()
            writer.write(HEAD.format("POST", "Content-Length: 4\r\nExpect: more\r\n").encode())
            assert (await response_of(reader))[0] == 417

    run(test())


def test_a_compressed_body_is_unchanged():
    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(7) == b"\x1f\x8b no \xff"
        writer.write(OK)

    async def test():
        async with proxied(serve) as (connect, _):
            reader, writer = await connect()
            head = HEAD.format("POST", "Content-Length: 7\r\nContent-Encoding: gzip\r\n")
            writer.write(head.encode() + b"\x1f\x8b no \xff")
            assert (await response_of(reader))[0] == 200

    run(test())


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nX-Name: caf\xe9\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nX-Name: a\x01b\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nX-Name: a\x00b\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nX\xe9: a\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 10_000 + b"Content-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: nonsense\r\n\r\nok",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"\x00\x00\x12\x04\x00\x00\x00\x00\x00",
        b"220 mail.example ESMTP\r\n",
    ],
)
@pytest.mark.parametrize("explained", [False, True])
def test_a_head_that_cannot_be_passed_on(head, explained):
    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head)

    async def test():
        explain = (lambda *_: None) if explained else None
        async with proxied(serve, explain=explain) as (connect, _):
            reader, writer = await connect()
            writer.write(HEAD.format("GET", "").encode())
            status, headers, body = await response_of(reader)
            assert (status, headers["Content-Type"]) == (502, "application/json")
            assert json.loads(body)["error"]["code"] == "bad_gateway"
            # The connection is still good.
            writer.write(HEAD.format("TRACE", "").encode())
            assert (await response_of(reader))[0] == 405

    run(test())


@pytest.mark.parametrize("reason", [b"caf\xe9", b"a\x7fb", b""])
@pytest.mark.parametrize("status", [200, 404])
def test_an_odd_reason_is_replaced(reason, status):
    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 %d %s\r\nContent-Length: 2\r\n\r\nok" % (status, reason))

    async def test():
        async with proxied(serve, explain=lambda *_: None) as (connect, _):
            reader, writer = await connect()
            writer.write(HEAD.format("GET", "").encode())
            assert (await response_of(reader))[::2] == (status, b"ok")

    run(test())


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("TRACE", "", 405),
        ("GET", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n", 501),
        ("GET", "Connection: upgrade\r\nUpgrade: h2c, WebSocket\r\n", 501),
        ("POST", "X-Name: caf\xe9\r\nContent-Length: 0\r\n", 400),
    ],
)
def test_requests_that_are_refused(method, headers, status):
    async def test():
        async with proxied(None) as (connect, server):
            reader, writer = await connect()
            writer.write(HEAD.format(method, headers).encode("latin-1"))
            answer = await response_of(reader)
            assert answer[0] == status
            assert json.loads(answer[2])["error"]["type"] == "kaito_forward"
            assert not server.connections

    run(test())


def test_another_upgrade_is_ignored():
    async def serve(reader, writer):
        head = await reader.readuntil(b"body")
        assert b"pgrade" not in head
        assert b"HTTP2-Settings" not in head
        writer.write(OK)

    async def test():
        async with proxied(serve) as (connect, _):
            reader, writer = await connect()
            upgrade = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
            writer.write(HEAD.format("POST", f"{upgrade}Content-Length: 4\r\n").encode() + b"body")
            assert (await response_of(reader))[0] == 200

    run(test())


def test_a_page_of_this_machine_can_read_responses():
    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            b"HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nVary: Accept\r\nContent-Length: 2\r\n\r\nok"
        )

    async def test():
        async with proxied(serve) as (connect, server):
            reader, writer = await connect()
            origin = "Origin: http://localhost:3000\r\n"
            writer.write(HEAD.format("OPTIONS", f"{origin}Access-Control-Request-Method: POST\r\n").encode())
            status, headers, _ = await response_of(reader)
            assert (status, headers["Access-Control-Allow-Methods"], server.connections) == (204, "POST", 0)
            writer.write(HEAD.format("GET", origin).encode())
            _, headers, _ = await response_of(reader)
            assert headers.getall("Access-Control-Allow-Origin") == ["http://localhost:3000"]
            assert headers.getall("Vary") == ["Accept", "Origin"]
            # Without an origin the response is unchanged.
            writer.write(HEAD.format("GET", "").encode())
            assert (await response_of(reader))[1]["Access-Control-Allow-Origin"] == "*"

    run(test())


@pytest.mark.parametrize(
    ("method", "head", "body"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n", b""),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n", b""),
        ("GET", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK, b"ok"),
        ("GET", b"HTTP/1.1 200 OK\r\nX-Odd: \xc3\xa9 \xf0\x9f\xa4\x96\r\nContent-Length: 2\r\n\r\nok", b"ok"),
    ],
)
def test_responses_that_are_passed_on(method, head, body):
    async def serve(reader, writer):
        for _ in range(2):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(head)

    async def test():
        async with proxied(serve) as (connect, _):
            reader, writer = await connect()
            for _ in range(2):
                writer.write(HEAD.format(method, "").encode())
                received = await reader.readuntil(b"\r\n\r\n")
                assert received.split()[1] in head
                for name in (b"Content-Length: 1234", b"\xc3\xa9 \xf0\x9f\xa4\x96"):
                    assert (name in received) == (name in head)
                assert await reader.readexactly(len(body)) == body

    run(test())
