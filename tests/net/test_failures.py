"""What aiohttp's errors become, for a model's endpoint and for the API server."""

import errno
import os
import ssl
from types import SimpleNamespace
from typing import cast

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.http import HttpProcessingError
from yarl import URL

from kaito.cluster.auth.cluster_config import ClusterConfig
from kaito.cluster.connection_errors import translate_api_errors
from kaito.errors import ClusterError, ConnectError, ForbiddenError
from kaito.net.failures import (
    BodyError,
    Cause,
    NoResponseError,
    classify,
    endpoint_error,
    translate_body_errors,
)
from kaito.settings import Settings
from kaito.types import Endpoint

KEY = ConnectionKey("h", 8080, False, True, None, None, None)
KEY6 = KEY._replace(host="::1")
ENDPOINT = Endpoint(url="http://h", shown_url="http://h/chat/completions", label="x")
# What messages show of it.
ACCESS = cast(
    ClusterConfig, SimpleNamespace(server=URL("https://api:6443/"), contexts_command="kubectl config get-contexts")
)


def system(number):
    return OSError(number, os.strerror(number))


def untrusted():
    exc = ssl.SSLCertVerificationError("certificate verify failed")
    exc.verify_message = "self-signed certificate"
    return exc


def for_another_host():
    exc = ssl.SSLCertVerificationError("certificate verify failed")
    exc.verify_code, exc.verify_message = 62, "Hostname mismatch"
    return exc


#: What aiohttp says about an HTTP/2 server's first frame.
SETTINGS = r"""Bad status line:
  Expected HTTP/, RTSP/ or ICE/:

  b'\x00\x00\x12\x04\x00\x00\x00\x00\x00'
    ^"""
BROTLI = "Can not decode content-encoding: brotli (br). Please install `Brotli`"


def of_response(kind, status, message):
    info = SimpleNamespace(real_url=URL("http://proxy"))
    return kind(info, (), status=status, message=message)


class Unnumbered(OSError):
    """A transport's own end, with a text and without a number."""

    def __init__(self, text):
        super().__init__(None, text)


@pytest.mark.parametrize(
    ("exc", "cause", "reason", "address"),
    [
        (aiohttp.ClientConnectorCertificateError(KEY, untrusted()), Cause.CERTIFICATE, "self-signed certificate", "h:8080"),
        (aiohttp.ClientConnectorError(KEY, untrusted()), Cause.CERTIFICATE, "self-signed certificate", "h:8080"),
        (aiohttp.ClientConnectorCertificateError(KEY, for_another_host()), Cause.CERTIFICATE_NAME, "Hostname mismatch", "h:8080"),
        (aiohttp.ClientConnectorSSLError(KEY, ssl.SSLError(1, "tlsv1 alert no application protocol")), Cause.HTTP_2, "", "h:8080"),
        (of_response(aiohttp.ClientResponseError, 400, SETTINGS), Cause.HTTP_2, "", ""),
        (of_response(aiohttp.ClientResponseError, 400, BROTLI), Cause.ENCODING, BROTLI, ""),
        (aiohttp.ClientConnectorSSLError(KEY, ssl.SSLError(1, "wrong version")), Cause.TLS, "wrong version", "h:8080"),
        (of_response(aiohttp.ClientHttpProxyError, 407, "Auth"), Cause.PROXY_CREDENTIALS, "Auth (HTTP 407)", ""),
        (of_response(aiohttp.ClientHttpProxyError, 403, "No"), Cause.PROXY_ERROR, "No (HTTP 403)", ""),
        (aiohttp.ClientProxyConnectionError(KEY, system(errno.ECONNREFUSED)), Cause.PROXY_UNREACHABLE, "Connection refused", "h:8080"),
        (aiohttp.ClientConnectorDNSError(KEY, OSError(-2, "Name or service not known")), Cause.UNKNOWN_HOST, None, "h"),
        (aiohttp.ClientConnectorError(KEY6, system(errno.ECONNREFUSED)), Cause.REFUSED, "Connection refused", "[::1]:8080"),
        (aiohttp.ClientConnectorError(KEY, system(errno.EHOSTUNREACH)), Cause.UNREACHABLE, "No route to host", "h:8080"),
        (aiohttp.ClientConnectorError(KEY, Unnumbered("No tunnel")), Cause.REFUSED, "No tunnel", "h:8080"),
        (aiohttp.ConnectionTimeoutError(), Cause.CONNECT_TIMEOUT, "", ""),
        (aiohttp.ServerTimeoutError(), Cause.READ_TIMEOUT, "", ""),
        (TimeoutError(), Cause.READ_TIMEOUT, "", ""),
        (aiohttp.ServerDisconnectedError(), Cause.CLOSED, "", ""),
        (aiohttp.ClientOSError(errno.ECONNRESET, "reset"), Cause.CLOSED, "", ""),
        (aiohttp.ClientOSError(errno.ECONNREFUSED, "dial tcp: refused"), Cause.REFUSED, "dial tcp: refused", ""),
        (aiohttp.ClientOSError(None, "The pod was replaced"), Cause.CLOSED, "The pod was replaced", ""),
        (ConnectionResetError(), Cause.CLOSED, "", ""),
        (aiohttp.ClientPayloadError("cut"), Cause.CLOSED, "", ""),
        (of_response(aiohttp.ClientResponseError, 400, "Bad status line\nx"), Cause.NOT_HTTP, "Bad status line", ""),
        (aiohttp.InvalidURL("x"), Cause.NOT_HTTP, "x", ""),
        (HttpProcessingError(code=400, message="bad chunk"), Cause.NOT_HTTP, None, ""),
    ],
)  # fmt: skip
def test_the_cause_of_an_error(exc, cause, reason, address):
    failure = classify(exc)
    assert (failure.cause, failure.address) == (cause, address)
    assert reason is None or failure.reason == reason


def every_cause():
    return [
        aiohttp.ClientConnectorCertificateError(KEY, untrusted()),
        aiohttp.ClientConnectorSSLError(KEY, ssl.SSLError(1, "wrong version")),
        of_response(aiohttp.ClientHttpProxyError, 407, "Auth"),
        of_response(aiohttp.ClientHttpProxyError, 403, "No"),
        aiohttp.ClientProxyConnectionError(KEY, system(errno.ECONNREFUSED)),
        aiohttp.ClientConnectorDNSError(KEY, OSError(-2, "Name or service not known")),
        aiohttp.ClientConnectorError(KEY, system(errno.ECONNREFUSED)),
        aiohttp.ClientConnectorError(KEY, system(errno.EHOSTUNREACH)),
        aiohttp.ConnectionTimeoutError(),
        aiohttp.ServerTimeoutError(),
        aiohttp.ServerDisconnectedError(),
        of_response(aiohttp.ClientResponseError, 400, "Bad status line"),
        aiohttp.ClientConnectorCertificateError(KEY, for_another_host()),
        of_response(aiohttp.ClientResponseError, 400, SETTINGS),
        of_response(aiohttp.ClientResponseError, 400, BROTLI),
    ]


def test_each_cause_has_a_message_for_an_endpoint():
    settings = Settings(connect_timeout=3.0, idle_timeout=5.0)
    errors = [endpoint_error(classify(exc), ENDPOINT, settings, reused=True) for exc in every_cause()]
    assert len({classify(exc).cause for exc in every_cause()}) == len(Cause)
    assert [error.details[0] if isinstance(error, ConnectError) else str(error) for error in errors] == [
        "The server's certificate is not trusted: self-signed certificate",
        "TLS with h:8080 failed: wrong version",
        "The proxy requires credentials: Auth (HTTP 407)",
        "The proxy returned an error: No (HTTP 403)",
        "Cannot connect to the proxy h:8080: Connection refused",
        "Host 'h' not found",
        "h:8080: Connection refused",
        "h:8080: No route to host",
        "No connection within 3 s (--connect-timeout)",
        "The server accepted the request and sent nothing for 5 s (--idle-timeout)",
        "The server closed the connection without a response",
        "The server at this address does not use HTTP: Bad status line",
        "The server's certificate is for another host: Hostname mismatch",
        "The server takes HTTP/2 only, which kaito does not use",
        f"The server's answer has a content encoding that cannot be decoded: {BROTLI}",
    ]
    assert isinstance(errors[2], ForbiddenError)
    assert [(error.refused, error.reused) for error in errors if isinstance(error, NoResponseError)] == [
        (True, True),
        (False, True),
    ]


def api_error(exc):
    with pytest.raises(ClusterError) as caught, translate_api_errors(ACCESS):
        raise exc
    return caught.value.message


def test_each_cause_has_a_message_for_the_api_server():
    assert [api_error(exc) for exc in every_cause()] == [
        "The API server's certificate is not trusted: self-signed certificate",
        "TLS with the API server https://api:6443 failed: wrong version",
        "The proxy to the API server https://api:6443 failed: Auth (HTTP 407)",
        "The proxy to the API server https://api:6443 failed: No (HTTP 403)",
        "The proxy to the API server https://api:6443 failed: Connection refused",
        "Host 'api' of the API server not found",
        "The API server https://api:6443 cannot be reached: Connection refused",
        "The API server https://api:6443 cannot be reached: No route to host",
        "No connection to the API server https://api:6443 within 10 s",
        "The API server https://api:6443 did not respond in time (--request-timeout)",
        "The connection to the API server https://api:6443 was lost",
        "The connection to the API server https://api:6443 was lost: Bad status line",
        "The API server's certificate is not trusted: Hostname mismatch",
        "The connection to the API server https://api:6443 was lost",
        f"The connection to the API server https://api:6443 was lost: {BROTLI}",
    ]


def test_a_handshake_s_error_response_is_left_to_the_caller():
    exc = of_response(aiohttp.WSServerHandshakeError, 403, "Forbidden")
    with pytest.raises(aiohttp.WSServerHandshakeError), translate_api_errors(ACCESS):
        raise exc


@pytest.mark.parametrize(
    ("exc", "message"),
    [
        (aiohttp.SocketTimeoutError(), "nothing arrived for 5 s (--idle-timeout)"),
        (aiohttp.ClientPayloadError("cut"), "the connection was lost"),
        (aiohttp.ClientOSError(None, "The pod was replaced"), "the connection was lost: The pod was replaced"),
        (HttpProcessingError(code=400, message="bad chunk"), "the connection was lost"),
    ],
)
def test_errors_of_a_body(exc, message):
    with pytest.raises(BodyError) as caught, translate_body_errors(Settings(idle_timeout=5.0)):
        raise exc
    assert str(caught.value) == message


def test_other_errors_are_left_alone():
    with pytest.raises(ZeroDivisionError), translate_body_errors(Settings()):
        raise ZeroDivisionError


@pytest.mark.parametrize("error", [OSError(), aiohttp.ClientConnectionError()])
def test_an_error_without_words_is_not_named_by_its_class(error):
    wrapped = error if isinstance(error, aiohttp.ClientError) else aiohttp.ClientProxyConnectionError(KEY, error)
    assert classify(wrapped).reason in ("no reason given", "")
