"""TLS and proxies of the connection to a model's server."""

import socket
import ssl
import subprocess
import threading

import pytest

from kaito.errors import (
    ConnectError,
    ForbiddenError,
    UsageError,
)
from kaito.net.http_session import proxy_of
from kaito.settings import Settings
from kaito.testing import (
    ModelServer,
    Status,
)
from tests.chat.talk import Chat, endpoint, failure

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
    error = failure(Chat(tls_server.url), ConnectError)
    assert "certificate is not trusted: self-signed certificate" in error.hints[2]
    assert "--certificate-authority" in error.hints[3]


def test_certificate_authority(tls_server, certificate):
    assert Chat(tls_server.url, Settings(certificate_authority=certificate[0])).ask().content == "Hi"


def test_insecure_skip_tls_verify(tls_server):
    assert Chat(tls_server.url, Settings(insecure_skip_tls_verify=True)).ask().content == "Hi"


def test_an_endpoint_s_own_ssl_context(tls_server, certificate):
    context = ssl.create_default_context(cafile=certificate[0])
    assert Chat(tls_server.url, ssl=context, server_hostname="model.test").ask().content == "Hi"
    error = failure(Chat(tls_server.url, ssl=context, server_hostname="other.test"), ConnectError)
    assert "The server's certificate is for another host" in error.hints[2]
    assert "authority" not in error.hints[3]


def test_a_certificate_authority_that_is_not_a_certificate(model_server, tmp_path):
    file = tmp_path / "ca.pem"
    file.write_text("nonsense")
    error = failure(Chat(model_server.url, Settings(certificate_authority=str(file))), UsageError)
    assert "is not a file of PEM certificates" in error.message


def test_https_to_a_server_that_speaks_http():
    def refuse(listener):
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=refuse, args=(listener,))
        thread.start()
        error = failure(Chat(f"https://127.0.0.1:{listener.getsockname()[1]}"), ConnectError)
        thread.join()
    assert "Check that the server uses https" in error.hints[3]


# Proxies


def test_the_environment_s_proxy(model_server, monkeypatch):
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
def test_no_proxy_for_loopback_tunnels_and_no_proxy(monkeypatch, url, more):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "inside.example")
    assert proxy_of(endpoint(url, **more)) is None


def test_an_unreachable_proxy(monkeypatch, refused_url):
    monkeypatch.setenv("http_proxy", refused_url.replace("http://", ""))
    assert "Cannot connect to the proxy" in failure(Chat("http://model.invalid"), ConnectError).hints[2]


def test_an_unsupported_kind_of_proxy(monkeypatch):
    monkeypatch.setenv("all_proxy", "socks5://user:hunter2@127.0.0.1:1")
    error = failure(Chat("http://model.invalid"), UsageError)
    assert "of the kind 'socks5'" in error.message
    assert "hunter2" not in error.message


@pytest.mark.parametrize("proxy", ["http://user:hunter2@h:port", "http://user:h#nter2@h", "http://[::1", "http://"])
def test_an_invalid_proxy_url(monkeypatch, proxy):
    monkeypatch.setenv("http_proxy", proxy)
    error = failure(Chat("http://model.invalid"), UsageError)
    assert error.message == "The environment names a proxy whose URL is not valid"


def test_a_proxy_that_requires_credentials(model_server, monkeypatch):
    monkeypatch.setenv("http_proxy", model_server.url)
    model_server.enqueue(Status(407, "who are you?"))
    assert "The proxy requires credentials" in failure(Chat("http://model.invalid"), ForbiddenError).message


def test_a_proxy_that_rejects_the_request(model_server, monkeypatch):
    monkeypatch.setenv("https_proxy", model_server.url)
    assert "The proxy returned an error" in failure(Chat("https://model.invalid"), ConnectError).hints[2]


def test_netrc_is_not_read(model_server, monkeypatch, clean_environment):
    (clean_environment / ".netrc").write_text("machine 127.0.0.1 login me password hunter2\n")
    Chat(model_server.url).ask()
    assert "authorization" not in model_server.chats[-1].headers
