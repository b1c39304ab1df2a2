"""The API server's proxy to a Service, used as the kubeconfig's user.

https://kubernetes.io/docs/tasks/access-application-cluster/access-cluster-services/#manually-constructing-apiserver-proxy-urls
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import suppress
from typing import Self

import aiohttp
from yarl import URL

from kaito.cluster.api_client import ApiClient
from kaito.cluster.api_errors import ApiUnavailableError, MissingPermissionError, ObjectNotFoundError, Status, api_error
from kaito.cluster.auth.certificates import add_client_certificate
from kaito.cluster.auth.credentials import Credentials
from kaito.cluster.permissions import is_allowed, missing_permission
from kaito.cluster.services import HTTP_PORT, get_service, http_port
from kaito.errors import ForbiddenError, KaitoError, NotFoundError
from kaito.net.socks import SocksConnector
from kaito.util.tasks import gather_both

_VERBS = ("get", "create")
_RESOURCE = "services/proxy"
#: Attempts after the credentials were renewed: on connections that aiohttp may have kept, and on a new one.
_ATTEMPTS = 4
_REQUIRED = "The API server's proxy requires the verbs 'get' and 'create' on 'services/proxy'"
#: Prefixes of the headers that tell the API server who the user is.
_IDENTITY_HEADERS = ("authorization", "impersonate-", "x-remote-")


class ServiceProxy:
    """The API server's proxy to a Service.

    The API server removes the cluster's credentials before it forwards a request. It removes an API key for the model's
    server as well, so none is sent.
    """

    def __init__(self, cluster: ApiClient, namespace: str, service: str, port: int) -> None:
        self._cluster = cluster
        self._config = cluster.config
        self._namespace = namespace
        self._service = service
        server = self._config.server
        path = f"{server.path.rstrip('/')}/api/v1/namespaces/{namespace}/services/{service}:{port}/proxy"
        #: The base URL.
        self.url = server.with_path(path)
        #: The name for SNI and for verifying the certificate.
        self.server_hostname = self._config.server_name if server.scheme == "https" else None
        #: The HTTP proxy on the route to the API server.
        self.proxy: URL | None = self._config.proxy
        self._credentials = Credentials()
        self._tls: ssl.SSLContext | None = None

    @classmethod
    async def find(cls, cluster: ApiClient, namespace: str, service: str) -> Self:
        """Return the proxy to a Service.

        Raises:
            NotFoundError: the Service does not exist.
            MissingPermissionError: the user may not use its proxy.
        """
        port, allowed = await gather_both(
            _port(cluster, namespace, service), _allowed_verbs(cluster, namespace, service)
        )
        for verb in _VERBS:
            if verb not in allowed:
                raise missing_permission(cluster, namespace, verb, _RESOURCE, _REQUIRED)
        return cls(cluster, namespace, service, port)

    async def prepare(self) -> None:
        """Load the credentials."""
        self._credentials = await self._config.credentials.get()
        if self._config.server.scheme == "https":
            self._tls = self._config.tls(self._credentials)

    def connector(self) -> aiohttp.BaseConnector:
        """Return a connector that uses the cluster's TLS settings, not the user's for model servers."""
        return SocksConnector(self._config.socks, limit=0, ssl=self._tls or False)

    async def authorize(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Send a request as the cluster's user, and renew rejected credentials once: an aiohttp middleware.

        Raises:
            ForbiddenError: the API server rejects the credentials.
        """
        self._use(await self._config.credentials.get())
        self._authenticate(request)
        response = await handler(request)
        if response.status != 401 or not await self._renew():
            return response
        # A connection that was kept still presents the client certificate with which it was opened.
        request.headers["Connection"] = "close"
        for _ in range(_ATTEMPTS):
            response.close()
            self._authenticate(request)
            response = await handler(request)
            if response.status != 401:
                break
        return response

    def explain(self, status: int, headers: Mapping[str, str], body: bytes) -> KaitoError | None:
        """Return the exception for an error response of the API server; `None` when the model's server sent it."""
        answer = Status.parse(body)
        if answer is None or answer.kind != "Status":
            return _no_api_key() if status == 401 else None
        expires = self._credentials.certificate_expiry
        error = api_error(status, headers, body, self._config.flags, expires=expires)
        if isinstance(error, MissingPermissionError):
            return MissingPermissionError(error.needed, error.message, _REQUIRED, *error.hints)
        if isinstance(error, ObjectNotFoundError):
            return self._missing(error)
        if isinstance(error, ApiUnavailableError) and "no endpoints available" in answer.message:
            return ApiUnavailableError(f"Service '{self._service}' has no pod at the moment")
        if isinstance(error, ApiUnavailableError) and "error trying to reach service" in answer.message:
            return ApiUnavailableError(
                f"the API server cannot reach the pod of Service '{self._service}': {answer.message}"
            )
        return error

    def _missing(self, error: ObjectNotFoundError) -> NotFoundError:
        service, namespace = self._service, self._namespace
        if error.resource in ("", "services"):
            return NotFoundError(f"Service '{service}' no longer exists in namespace '{namespace}'")
        return NotFoundError(
            f"Service '{service}' in namespace '{namespace}' cannot be used: {error.message}",
            f"To see what it selects: kubectl describe service {service} -n {namespace}{self._config.flags}",
        )

    async def _renew(self) -> bool:
        """Renew the credentials if the API server sent a 401. Return `False` if the model's server sent it.

        Raises:
            ForbiddenError: it was, and they cannot be renewed.
        """
        used = self._credentials
        with suppress(MissingPermissionError, NotFoundError):
            # A 401 does not tell which server sent it. This request reaches only the API server, and renews the
            # credentials if they are rejected.
            await get_service(self._cluster, self._namespace, self._service)
        self._use(await self._config.credentials.get())
        return self._credentials != used

    def _use(self, credentials: Credentials) -> None:
        certificate, key = credentials.certificate, credentials.key
        changed = (certificate, key) != (self._credentials.certificate, self._credentials.key)
        self._credentials = credentials
        if self._tls is not None and certificate and key and changed:
            add_client_certificate(self._tls, certificate, key)

    def _authenticate(self, request: aiohttp.ClientRequest) -> None:
        # A client of `kaito forward` must not act as another user.
        for name in [*request.headers]:
            if name.lower().startswith(_IDENTITY_HEADERS):
                request.headers.popall(name, None)
        for name, value in self._config.impersonation():
            request.headers.add(name, value)
        if self._credentials.authorization:
            request.headers["Authorization"] = self._credentials.authorization


async def _port(cluster: ApiClient, namespace: str, service: str) -> int:
    try:
        return http_port(await get_service(cluster, namespace, service)).port
    except MissingPermissionError:
        # The user may be allowed to use a Service's proxy but not to read it. KAITO's Services have the default port.
        return HTTP_PORT.port


async def _allowed_verbs(cluster: ApiClient, namespace: str, service: str) -> list[str]:
    # The API server checks the permission for exactly this part of the path.
    name = f"{service}:{HTTP_PORT.port}"
    allowed = await asyncio.gather(*(is_allowed(cluster, namespace, verb, _RESOURCE, name=name) for verb in _VERBS))
    return [verb for verb, is_verb_allowed in zip(_VERBS, allowed, strict=True) if is_verb_allowed]


def _no_api_key() -> ForbiddenError:
    return ForbiddenError(
        "The model's server requires an API key, which the API server's proxy does not forward",
        "Use another route, such as --backend port-forward",
    )
