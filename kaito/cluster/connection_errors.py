"""Turns aiohttp's errors into messages about the API server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp

from kaito.cluster.api_errors import ApiRefusedError
from kaito.cluster.auth.cluster_config import ClusterConfig
from kaito.errors import ClusterError
from kaito.net.failures import HTTP_ERRORS, Cause, Failure, classify

#: The most seconds that establishing a connection may take.
CONNECT_TIMEOUT = 10.0


@contextmanager
def translate_api_errors(config: ClusterConfig) -> Iterator[None]:
    """Turn aiohttp's errors into ours, except for an error response to a WebSocket's handshake.

    Raises:
        ClusterError: the API server cannot be reached, or the connection to it was lost.
    """
    try:
        yield
    except aiohttp.WSServerHandshakeError:
        raise
    except HTTP_ERRORS as exc:
        raise _error(classify(exc), config) from None


def _error(failure: Failure, config: ClusterConfig) -> ClusterError:
    server, reason = config.server.origin(), failure.reason
    check_context = f"Check that the cluster is up and the context is the right one: {config.contexts_command}"
    match failure.cause:
        case Cause.CERTIFICATE | Cause.CERTIFICATE_NAME:
            hint = f"Check the certificate-authority of {server} in the kubeconfig"
            return ClusterError(f"The API server's certificate is not trusted: {reason}", hint)
        case Cause.TLS:
            return ClusterError(f"TLS with the API server {server} failed: {reason}", check_context)
        case Cause.PROXY_CREDENTIALS | Cause.PROXY_ERROR | Cause.PROXY_UNREACHABLE:
            return ClusterError(f"The proxy to the API server {server} failed: {reason}")
        case Cause.UNKNOWN_HOST:
            return ClusterError(f"Host '{config.server.host}' of the API server not found", check_context)
        case Cause.REFUSED:
            return ApiRefusedError(f"The API server {server} cannot be reached: {reason}", check_context)
        case Cause.UNREACHABLE:
            return ClusterError(f"The API server {server} cannot be reached: {reason}", check_context)
        case Cause.CONNECT_TIMEOUT:
            return ClusterError(f"No connection to the API server {server} within {CONNECT_TIMEOUT:g} s", check_context)
        case Cause.READ_TIMEOUT:
            return ClusterError(f"The API server {server} did not respond in time (--request-timeout)")
        case Cause.CLOSED | Cause.NOT_HTTP | Cause.HTTP_2 | Cause.ENCODING:
            details = f": {reason}" if reason else ""
            return ClusterError(f"The connection to the API server {server} was lost{details}")
