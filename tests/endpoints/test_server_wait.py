"""`--wait` with `--endpoint`: which servers answer, and what is said meanwhile."""

from __future__ import annotations

import asyncio

import pytest

from kaito.endpoints.server_wait import wait_until_answering
from kaito.errors import ConnectError
from kaito.settings import Settings
from kaito.testing import ModelServer
from kaito.testing import Status as Refusal
from kaito.types import Endpoint
from tests.controlplane.ports import reserved_port


def wait(url, reporter, timeout=60.0, **settings):
    endpoint = Endpoint(url=url, shown_url=f"{url}/chat/completions", label="it")
    asyncio.run(wait_until_answering(endpoint, Settings(**settings), timeout, reporter))


class Statuses:
    """A server that answers each path with the next of its statuses, and repeats the last."""

    def __init__(self, **statuses):
        self.statuses = {f"/{path.replace('_', '/')}": list(values) for path, values in statuses.items()}
        self.asked = []

    async def __call__(self, reader, writer):
        target = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
        self.asked.append(target)
        left = self.statuses.get(target.partition("?")[0], [404])
        status = left.pop(0) if len(left) > 1 else left[0]
        writer.write(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % status)
        writer.close()


def wait_for(statuses, reporter, timeout=60.0, query=""):
    """Wait for a server with these statuses."""

    async def test():
        async with await asyncio.start_server(statuses, "127.0.0.1", 0) as server:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}{query}"
            endpoint = Endpoint(url=url, shown_url="http://it/chat/completions", label="it")
            await wait_until_answering(endpoint, Settings(), timeout, reporter)

    asyncio.run(test())


def test_a_url_without_a_scheme(reporter):
    with pytest.raises(ValueError, match="'localhost:8080' is not an http:// or https:// URL"):
        wait("localhost:8080", reporter, timeout=0)


def test_a_server_that_answers(model_server, reporter):
    wait(model_server.url, reporter)
    assert reporter.notices == []


@pytest.mark.parametrize(
    ("statuses", "asked", "notices"),
    [
        (Statuses(v1_models=[503, 200]), 2, ["HTTP 503 for /v1/models"]),
        (Statuses(v1_models=[404], health=[503, 200]), 4, ["HTTP 503 for /health"]),
        (Statuses(models=[500, 200]), 6, ["HTTP 500 for /models"]),
        (Statuses(models=[404, 200]), 6, ["HTTP 404 for /v1/models"]),
        (Statuses(v1_models=[401]), 1, []),
        (Statuses(v1_models=[404], health=[405]), 2, []),
        (Statuses(v1_models=[502, 302, 200]), 3, ["HTTP 502 for /v1/models", "HTTP 302 for /v1/models"]),
    ],
)
def test_which_answers_count(statuses, asked, notices, reporter):
    wait_for(statuses, reporter)
    assert len(statuses.asked) == asked
    assert reporter.notices == [f"Waiting for it: {notice}" for notice in notices]


def test_the_query_is_sent_and_not_shown(reporter):
    statuses = Statuses(v1_models=[503, 200])
    wait_for(statuses, reporter, query="?key=secret")
    assert statuses.asked == ["/v1/models?key=secret"] * 2
    assert "secret" not in str(reporter.notices)


def test_a_server_that_starts_later(reporter):
    notice, servers = reporter.notice, []

    def start(text):
        notice(text)
        servers.append(ModelServer(port=port).start())

    reporter.notice = start
    with reserved_port() as port:
        wait(f"http://127.0.0.1:{port}", reporter)
        servers[0].stop()
    assert len(reporter.notices) == 1
    assert "refused" in reporter.notices[0].lower()


@pytest.mark.parametrize(
    ("timeout", "message"),
    [(0, "The server is not ready: HTTP 503 for"), (1.5, "The server was not ready after 1s (--wait): HTTP 503 for")],
)
def test_a_server_that_does_not_get_ready(timeout, message, reporter):
    with pytest.raises(ConnectError) as error:
        wait_for(Statuses(v1_models=[503]), reporter, timeout)
    assert message in error.value.details[0]


def test_chat_and_forward_wait(kaito, refused_url, model_server):
    for command in (("chat", "-m", "hi"), ("forward", "--port", "0")):
        outcome = kaito(*command, "--endpoint", refused_url, "--wait=300ms")
        assert outcome.code == 4
        assert "The server was not ready after 0.3s (--wait)" in outcome.err
    outcome = kaito("chat", "-m", "hi", "--endpoint", model_server.url, "--wait")
    assert (outcome.code, outcome.out, outcome.err) == (0, "Assistant: hi\n", "")


def test_a_server_that_is_loading(kaito, model_server):
    model_server.route("/v1/models", Refusal(503))
    outcome = kaito("chat", "-m", "hi", "--endpoint", model_server.url, "--wait=3s")
    assert outcome.code == 4
    assert "HTTP 503 for /v1/models" in outcome.err


def test_a_reason_that_names_the_server_names_it_once(refused_url, reporter):
    label = refused_url.removeprefix("http://")
    endpoint = Endpoint(url=refused_url, shown_url=f"{refused_url}/chat/completions", label=label)
    with pytest.raises(ConnectError) as caught:
        asyncio.run(wait_until_answering(endpoint, Settings(), 1, reporter))
    assert reporter.notices == [f"Waiting for {label}: Connection refused"]
    assert caught.value.details == ("The server was not ready after 1s (--wait): Connection refused",)
    # What the notice says is not repeated below it.
    assert set(reporter.statuses) == {"waiting", ""}
