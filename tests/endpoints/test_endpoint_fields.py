"""Fields of an endpoint: addresses, a proxy, middlewares, and the explanation of error responses."""

import pytest
from yarl import URL

from kaito.errors import ConnectError, ForbiddenError
from kaito.net.http_session import proxy_of
from kaito.testing import ModelServer, Say, Status
from tests.chat.talk import Chat, endpoint, failure


def test_addresses_replace_dns(model_server):
    url = f"http://model.invalid:{model_server.port}"
    assert Chat(url, addresses=("127.0.0.1",)).ask().content == "Hi"
    assert model_server.chats[-1].headers["host"] == f"model.invalid:{model_server.port}"
    assert Chat(url, addresses=("other.invalid", "localhost")).ask().content == "Hi"
    assert "Host 'model.invalid' not found" in failure(Chat(url, addresses=("other.invalid",)), ConnectError).hints


def test_addresses_disable_the_environment_s_proxy(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert proxy_of(endpoint("http://model.invalid", addresses=("192.0.2.1",))) is None


def test_the_endpoint_s_own_proxy(model_server, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    chat = Chat("http://model.invalid", proxy=URL(model_server.url), proxied=False)
    assert chat.ask().content == "Hi"
    assert model_server.chats[-1].target == "http://model.invalid/v1/chat/completions"


def test_middlewares(model_server):
    async def sign(request, handler):
        request.headers["X-Signed"] = request.method
        return await handler(request)

    assert Chat(model_server.url, middlewares=(sign,)).ask().content == "Hi"
    assert model_server.chats[-1].headers["x-signed"] == "POST"


def test_explained_error_responses():
    def explain(status, headers, body):
        return ForbiddenError("the gate is shut") if (status, body) == (403, b"the gate") else None

    with ModelServer() as server:
        chat = Chat(server.url, explain=explain)
        server.enqueue(Status(403, "the gate"))
        assert failure(chat, ForbiddenError).message == "the gate is shut"
        server.enqueue(Status(403, "the model"))
        error = failure(chat, ForbiddenError)
        assert error.message.startswith("The model's server denied access")
        assert error.hints == ("Another key may be allowed: set KAITO_API_KEY, or pass a file with --api-key-file",)
        server.route("/v1/models", Status(403, "the gate"))
        with pytest.raises(ForbiddenError, match="the gate is shut"):
            chat.models()


def test_a_retry_shows_the_explanation(model_server):
    chat = Chat(model_server.url, explain=lambda *answer: ForbiddenError("the gate is shut"))
    model_server.enqueue(Status(503, "no"), Say("Hi"))
    assert chat.ask().content == "Hi"
    assert chat.waits[0].reason == "the gate is shut"
