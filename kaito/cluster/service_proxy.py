"""Requests to a Service through the API server, made as the cluster's user."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import suppress
from typing import Self

import aiohttp
import msgspec
from yarl import URL

from kaito.cluster.api_client import ApiClient
from kaito.cluster.api_errors import Missing, PermissionMissing, Unavailable, refusal
from kaito.cluster.auth import certificates
from kaito.cluster.auth.cluster_config import certificate_expiry
from kaito.cluster.auth.credentials import Credentials
from kaito.cluster.permissions import may
from kaito.cluster.services import HTTP_PORT, get_service, http_port
from kaito.errors import ForbiddenError, KaitoError, NotFoundError

_VERBS = ("get", "create")
#: Connections that may have been kept when the credentials are renewed, and one more.
_KEPT = 4
_NEEDED = "The API server's proxy takes the verbs 'get' and 'create' on 'services/proxy'"


class _Status(msgspec.Struct):
    kind: str = ""
    message: str = ""


#: Beginnings of the headers by which the API server knows who asks.
_OURS = ("authorization", "impersonate-", "x-remote-")


class ServiceProxy:
    """The API server's proxy to a Service.

    The credentials for the cluster go to the API server alone: it takes them out before it passes a request on. For the
    same reason no API key can reach the model's server this way, and none is sent.

    Args:
        cluster: the API server.
        namespace: the Service's.
        service: its name.
        port: the number of its HTTP port.
    """

    def __init__(self, cluster: ApiClient, namespace: str, service: str, port: int) -> None:
        self._cluster = cluster
        self._access = cluster.access
        self._namespace = namespace
        self._service = service
        server = self._access.server
        path = f"{server.path.rstrip('/')}/api/v1/namespaces/{namespace}/services/{service}:{port}/proxy"
        #: The base URL.
        self.url = server.with_path(path)
        #: Name for TLS's SNI and the certificate's check.
        self.server_hostname = self._access.server_name if server.scheme == "https" else None
        #: The proxy before the API server.
        self.proxy: URL | None = self._access.proxy
        self._grant = Credentials()
        self._tls: ssl.SSLContext | None = None

    @classmethod
    async def find(cls, cluster: ApiClient, namespace: str, service: str) -> Self:
        """Return the proxy to a Service.

        Raises:
            NotFoundError: there is no such Service.
            PermissionMissing: the user may not use its proxy.
            KaitoError: the API server cannot be reached.
        """
        # What is granted is granted for the name that stands in the path.
        name = f"{service}:{HTTP_PORT}"
        port, *allowed = await asyncio.gather(
            _port(cluster, namespace, service),
            *(may(cluster, namespace, verb, "services", subresource="proxy", name=name) for verb in _VERBS),
        )
        for verb, allows in zip(_VERBS, allowed, strict=True):
            if not allows:
                raise PermissionMissing(
                    f"{verb} services/proxy",
                    f"You may not {verb} services/proxy in namespace '{namespace}'",
                    _NEEDED,
                    f"To check: kubectl auth can-i {verb} services --subresource=proxy -n {namespace}",
                )
        return cls(cluster, namespace, service, port)

    async def prepare(self) -> None:
        """Get the credentials.

        Raises:
            KaitoError: there are none to be had.
        """
        self._grant = await self._access.credentials.grant()
        if self._access.server.scheme == "https":
            self._tls = self._access.tls(self._grant)

    def connector(self) -> aiohttp.BaseConnector:
        """Return a connector whose TLS is the cluster's, whatever holds for other servers."""
        return aiohttp.TCPConnector(ssl=self._tls or False)

    async def authorize(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Send a request as the cluster's user, again if the credentials had to be renewed: an aiohttp middleware.

        Raises:
            ForbiddenError: the API server does not accept the credentials, renewed or not.
        """
        self._use(await self._access.credentials.grant())
        self._sign(request)
        response = await handler(request)
        if response.status != 401 or not await self._renewed():
            return response
        # A connection that is kept goes on showing the certificate that it began with: use it up.
        request.headers["Connection"] = "close"
        for _ in range(_KEPT):
            response.close()
            self._sign(request)
            response = await handler(request)
            if response.status != 401:
                break
        return response

    def explain(self, status: int, headers: Mapping[str, str], body: bytes) -> KaitoError | None:
        """Return what the API server says itself, in words that tell what to do; `None` for the model's own answer."""
        try:
            said = msgspec.json.decode(body, type=_Status)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            said = _Status()
        if said.kind != "Status":
            return _keyless() if status == 401 else None
        told = refusal(status, headers, body, expires=certificate_expiry(self._grant))
        if isinstance(told, PermissionMissing):
            return PermissionMissing(told.needed, told.message, _NEEDED, *told.hints)
        if isinstance(told, Missing):
            return NotFoundError(f"There is no Service '{self._service}' in namespace '{self._namespace}' any more")
        if isinstance(told, Unavailable) and "no endpoints available" in said.message:
            return Unavailable(f"no pod stands behind Service '{self._service}' at the moment")
        if isinstance(told, Unavailable) and "error trying to reach service" in said.message:
            return Unavailable(f"the API server cannot reach the pod behind Service '{self._service}': {said.message}")
        return told

    async def _renewed(self) -> bool:
        """Return whether a 401 was about the credentials, and others are at hand now; else it is the model's server's.

        Raises:
            ForbiddenError: it was, and there are no others.
        """
        used = self._grant
        with suppress(PermissionMissing, NotFoundError):
            # The answer does not tell whose it is. This one is the API server's, and renews what it refuses.
            await get_service(self._cluster, self._namespace, self._service)
        self._use(await self._access.credentials.grant())
        return self._grant != used

    def _use(self, grant: Credentials) -> None:
        shown = (self._grant.certificate, self._grant.key)
        self._grant = grant
        if self._tls is not None and grant.certificate and grant.key and (grant.certificate, grant.key) != shown:
            certificates.add_client_certificate(self._tls, grant.certificate, grant.key)

    def _sign(self, request: aiohttp.ClientRequest) -> None:
        # Whoever talks through a port of ours must not act as somebody else.
        for name in [*request.headers]:
            if name.lower().startswith(_OURS):
                request.headers.popall(name, None)
        for name, value in self._access.impersonation():
            request.headers.add(name, value)
        if self._grant.authorization:
            request.headers["Authorization"] = self._grant.authorization


async def _port(cluster: ApiClient, namespace: str, service: str) -> int:
    try:
        found = await get_service(cluster, namespace, service)
    except PermissionMissing:
        # The proxy may be allowed all the same, and the port is the one that KAITO gives each Service.
        found = {}
    port, _ = http_port(found)
    return port


def _keyless() -> ForbiddenError:
    return ForbiddenError(
        "The model's server wants an API key, and the API server's proxy passes none on",
        "Take another way in, such as --backend port-forward",
    )
