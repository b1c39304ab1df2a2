"""aiohttp's failures on the way to the API server, in our words."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp

from kaito.cluster.auth.cluster_config import ClusterConfig
from kaito.errors import ClusterError

#: Seconds until a connection must stand.
CONNECT_TIMEOUT = 10.0


@contextmanager
def translated(config: ClusterConfig) -> Iterator[None]:
    """Turn aiohttp's failures into ours.

    Raises:
        ClusterError: the API server cannot be reached, or was lost.
    """
    # aiohttp's errors inherit from each other and from OSError: the most specific comes first.
    server = config.server.origin()
    try:
        yield
    except aiohttp.ClientConnectorCertificateError as exc:
        raise _untrusted(exc.certificate_error, config) from None
    except aiohttp.ClientSSLError as exc:
        raise ClusterError(f"TLS with the API server {server} failed: {_reason(exc)}", _CHECK) from None
    except (aiohttp.ClientHttpProxyError, aiohttp.ClientProxyConnectionError) as exc:
        told = exc.message if isinstance(exc, aiohttp.ClientHttpProxyError) else _reason(exc.os_error)
        raise ClusterError(f"The proxy on the way to the API server {server} fails: {told}") from None
    except aiohttp.ClientConnectorDNSError:
        raise ClusterError(f"The name of the API server is not known: {config.server.host}", _CHECK) from None
    except aiohttp.ClientConnectorError as exc:
        if isinstance(exc.os_error, ssl.SSLCertVerificationError):
            raise _untrusted(exc.os_error, config) from None
        raise ClusterError(f"The API server {server} cannot be reached: {_reason(exc.os_error)}", _CHECK) from None
    except aiohttp.ConnectionTimeoutError:
        told = f"No connection to the API server {server} within {CONNECT_TIMEOUT:g} s"
        raise ClusterError(told, _CHECK) from None
    except TimeoutError:
        raise ClusterError(f"The API server {server} did not answer in time (--request-timeout)") from None
    except aiohttp.WSServerHandshakeError:
        raise
    except (aiohttp.ClientError, ConnectionError) as exc:
        raise ClusterError(f"The connection to the API server {server} was lost ({type(exc).__name__})") from None


_CHECK = "Is the cluster up, and the context the right one? See 'kubectl config get-contexts'"


def _untrusted(exc: BaseException, config: ClusterConfig) -> ClusterError:
    told = f"The API server's certificate is not trusted: {_reason(exc)}"
    return ClusterError(told, f"Check the certificate-authority of {config.server.origin()} in the kubeconfig")


def _reason(exc: BaseException) -> str:
    if isinstance(exc, ssl.SSLCertVerificationError):
        return exc.verify_message
    if isinstance(exc, OSError) and exc.errno and not isinstance(exc, ssl.SSLError):
        return os.strerror(exc.errno)
    return str(exc).partition("\n")[0] or type(exc).__name__
