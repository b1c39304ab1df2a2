"""Classifies aiohttp's errors: why a request got no response, or why its body ended early."""

from __future__ import annotations

import errno
import os
import re
import ssl
from enum import Enum, auto
from types import TracebackType

import aiohttp
from aiohttp.http import HttpProcessingError
from msgspec import Struct

from kaito.errors import ConnectError, KaitoError
from kaito.net.proxy_errors import proxy_credentials_required
from kaito.settings import Settings
from kaito.types import Endpoint

#: What aiohttp raises when a request fails, before its response arrives or while it is read.
HTTP_ERRORS = (aiohttp.ClientError, HttpProcessingError, ConnectionError, TimeoutError)

# Windows has its own error number.
_REFUSED = {errno.ECONNREFUSED, getattr(errno, "WSAECONNREFUSED", errno.ECONNREFUSED)}


class Cause(Enum):
    """Why a request failed."""

    CERTIFICATE = auto()
    #: The certificate is for another host.
    CERTIFICATE_NAME = auto()
    TLS = auto()
    PROXY_CREDENTIALS = auto()
    PROXY_ERROR = auto()
    PROXY_UNREACHABLE = auto()
    UNKNOWN_HOST = auto()
    REFUSED = auto()
    UNREACHABLE = auto()
    CONNECT_TIMEOUT = auto()
    READ_TIMEOUT = auto()
    CLOSED = auto()
    NOT_HTTP = auto()
    #: The peer accepts only HTTP/2.
    HTTP_2 = auto()
    #: Decoding the body needs a library that is not installed.
    ENCODING = auto()


class Failure(Struct, frozen=True):
    """A failed request."""

    cause: Cause
    #: The reason that the system, TLS or the peer gives; empty if there is none.
    reason: str = ""
    #: The host and port that could not be reached; empty if they are not known.
    address: str = ""


class NoResponseError(Exception):
    """The connection was refused, or was closed before a response arrived. A retry may succeed.

    Args:
        message: one sentence, without a full stop.
        refused: whether it was refused rather than closed.
        reused: whether it had served an earlier request, and may have been dead before this one.
    """

    def __init__(self, message: str, *, refused: bool, reused: bool) -> None:
        super().__init__(message)
        self.message = message
        self.refused = refused
        self.reused = reused


class MalformedResponseError(ConnectError):
    """The server sent something that is not HTTP, or headers that are too large."""


class BodyError(Exception):
    """The connection failed while a body was read."""


def classify(exc: Exception) -> Failure:
    """Return what one of the :data:`HTTP_ERRORS` means."""
    # aiohttp's errors inherit from each other and from OSError, so the most specific comes first.
    match exc:
        case aiohttp.ClientConnectorCertificateError():
            return Failure(_certificate_cause(exc.certificate_error), _reason(exc.certificate_error), _address(exc))
        case aiohttp.ClientSSLError() if _wants_http_2(str(exc.os_error)):
            return Failure(Cause.HTTP_2, address=_address(exc))
        case aiohttp.ClientSSLError():
            return Failure(Cause.TLS, _reason(exc), _address(exc))
        case aiohttp.ClientHttpProxyError():
            cause = Cause.PROXY_CREDENTIALS if exc.status == 407 else Cause.PROXY_ERROR
            return Failure(cause, f"{exc.message} (HTTP {exc.status})")
        case aiohttp.ClientProxyConnectionError():
            return Failure(Cause.PROXY_UNREACHABLE, _reason(exc.os_error), _address(exc))
        case aiohttp.ClientConnectorDNSError():
            return Failure(Cause.UNKNOWN_HOST, _reason(exc.os_error), exc.host)
        case aiohttp.ClientConnectorError():
            if isinstance(exc.os_error, ssl.SSLCertVerificationError):
                return Failure(_certificate_cause(exc.os_error), _reason(exc.os_error), _address(exc))
            # An error without a number comes from a tunnel, and a moment later it may be possible to open one.
            refused = _is_refusal(exc.os_error) or exc.os_error.errno is None
            return Failure(Cause.REFUSED if refused else Cause.UNREACHABLE, _reason(exc.os_error), _address(exc))
        case aiohttp.ConnectionTimeoutError():
            return Failure(Cause.CONNECT_TIMEOUT)
        case TimeoutError():
            return Failure(Cause.READ_TIMEOUT)
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError() | ConnectionError():
            # Only an open tunnel shows whether anything listens in the pod.
            if isinstance(exc, OSError) and _is_refusal(exc):
                return Failure(Cause.REFUSED, exc.strerror or "")
            return Failure(Cause.CLOSED, _transport_reason(exc))
        case aiohttp.ClientResponseError() | aiohttp.InvalidURL() | HttpProcessingError():
            if _wants_http_2(exc.message if isinstance(exc, aiohttp.ClientResponseError) else str(exc)):
                return Failure(Cause.HTTP_2)
            reason = _reason(exc)
            return Failure(Cause.ENCODING if "content-encoding" in reason else Cause.NOT_HTTP, reason)
    return Failure(Cause.CLOSED, _transport_reason(exc.__cause__ or exc))


def endpoint_error(failure: Failure, endpoint: Endpoint, settings: Settings, *, reused: bool) -> Exception:
    """Return the error to raise for a request to an endpoint that got no response.

    Args:
        failure: why it got none.
        endpoint: for the URL to show.
        settings: for the time limits to name.
        reused: whether its connection had served an earlier request.
    """
    reason = failure.reason

    def no_connection(message: str, *hints: str) -> KaitoError:
        return ConnectError(endpoint.shown_url, message, *hints)

    match failure.cause:
        case Cause.CERTIFICATE:
            hint = "Pass its authority with --certificate-authority, or use --insecure-skip-tls-verify"
            return no_connection(f"The server's certificate is not trusted: {reason}", hint)
        case Cause.CERTIFICATE_NAME:
            hint = "Use the host name that the certificate is for, or --insecure-skip-tls-verify"
            return no_connection(f"The server's certificate is for another host: {reason}", hint)
        case Cause.TLS:
            return no_connection(f"TLS with {failure.address} failed: {reason}", "Check that the server uses https")
        case Cause.PROXY_CREDENTIALS:
            return proxy_credentials_required(reason)
        case Cause.PROXY_ERROR:
            return no_connection(f"The proxy returned an error: {reason}")
        case Cause.PROXY_UNREACHABLE:
            return no_connection(f"Cannot connect to the proxy {failure.address}: {reason}")
        case Cause.UNKNOWN_HOST:
            return no_connection(f"Host '{failure.address}' not found")
        case Cause.REFUSED:
            message = f"{failure.address}: {reason}" if failure.address else reason or "Connection refused"
            return NoResponseError(message, refused=True, reused=reused)
        case Cause.UNREACHABLE:
            return no_connection(f"{failure.address}: {reason}")
        case Cause.CONNECT_TIMEOUT:
            return no_connection(f"No connection within {settings.connect_timeout:g} s (--connect-timeout)")
        case Cause.READ_TIMEOUT:
            return no_connection(
                f"The server accepted the request and sent nothing for {settings.idle_timeout:g} s (--idle-timeout)"
            )
        case Cause.CLOSED:
            message = "The server closed the connection without a response"
            return NoResponseError(f"{message}: {reason}" if reason else message, refused=False, reused=reused)
        case Cause.HTTP_2:
            hint = "Use a port of the server, or a proxy before it, that takes HTTP/1.1"
            return MalformedResponseError(
                endpoint.shown_url, "The server takes HTTP/2 only, which kaito does not use", hint
            )
        case Cause.ENCODING:
            message = f"The server's answer has a content encoding that cannot be decoded: {reason}"
            return MalformedResponseError(endpoint.shown_url, message)
        case Cause.NOT_HTTP:
            message = f"The server at this address does not use HTTP: {reason}"
            return MalformedResponseError(endpoint.shown_url, message)


class translate_body_errors:
    """A context manager that turns aiohttp's errors while a body is read into :class:`BodyError`.

    A class, because `contextlib.contextmanager` is several times slower.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not isinstance(exc, HTTP_ERRORS):
            return
        if isinstance(exc, TimeoutError):
            raise BodyError(f"nothing arrived for {self._settings.idle_timeout:g} s (--idle-timeout)") from None
        reason = _transport_reason(exc.__cause__ or exc)
        raise BodyError(f"the connection was lost: {reason}" if reason else "the connection was lost") from None


def _certificate_cause(exc: BaseException) -> Cause:
    # X509_V_ERR_HOSTNAME_MISMATCH, …_EMAIL_MISMATCH, …_IP_ADDRESS_MISMATCH
    return Cause.CERTIFICATE_NAME if getattr(exc, "verify_code", 0) in (62, 63, 64) else Cause.CERTIFICATE


# A server's first HTTP/2 frame as aiohttp quotes it: three bytes of length, then SETTINGS, PING or GOAWAY.
_HTTP_2_FRAME = re.compile(r"\\x00\\x00(?:\\x[0-9a-f]{2}|\\[tnr]|[ -~])\\x0[467]")


def _wants_http_2(text: str) -> bool:
    text = text[:2000]
    return bool(_HTTP_2_FRAME.search(text)) or "NO_APPLICATION_PROTOCOL" in text.upper().replace(" ", "_")


def _is_refusal(exc: OSError) -> bool:
    return isinstance(exc, ConnectionRefusedError) or exc.errno in _REFUSED


def _address(exc: aiohttp.ClientConnectorError) -> str:
    return f"[{exc.host}]:{exc.port}" if ":" in exc.host else f"{exc.host}:{exc.port}"


def _transport_reason(exc: BaseException) -> str:
    """Return the reason that one of our own transports gives; the system's errors have a number, and say less."""
    return exc.strerror if isinstance(exc, OSError) and exc.errno is None and exc.strerror else ""


def _reason(exc: BaseException) -> str:
    if isinstance(exc, ssl.SSLCertVerificationError):
        return exc.verify_message
    if isinstance(exc, OSError) and exc.errno and not isinstance(exc, ssl.SSLError):
        # asyncio's own text repeats the address.
        return os.strerror(exc.errno)
    if isinstance(exc, OSError) and exc.strerror:
        return exc.strerror
    if isinstance(exc, aiohttp.ClientResponseError):
        return exc.message.partition("\n")[0]
    return str(exc).partition("\n")[0] or "no reason given"
