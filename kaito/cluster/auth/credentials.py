"""The token or client certificate for requests to the API server, renewed when it expires."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from kaito.cluster.auth.certificates import CertificateError, check_client_certificate, expiry
from kaito.cluster.auth.credential_values import bearer, read_pem, read_token
from kaito.errors import ForbiddenError
from kaito.util.tasks import SingleFlight
from kaito.util.time_limits import login

if TYPE_CHECKING:
    from kaito.cluster.auth.exec_plugin import ExecCredential
    from kaito.cluster.auth.kubeconfig import Context
    from kaito.cluster.auth.kubeconfig_types import Place, User
    from kaito.types import Reporter


class Credentials(Struct, frozen=True, kw_only=True):
    """Credentials that authenticate a request."""

    #: The value of the `Authorization` header.
    authorization: str | None = None
    #: PEM.
    certificate: bytes | None = None
    key: bytes | None = None

    # Secrets must not appear in a traceback.
    __repr__ = object.__repr__

    @property
    def certificate_expiry(self) -> datetime | None:
        """When the client certificate expires; `None` if there is none."""
        return expiry(self.certificate) if self.certificate else None


class CredentialSource(Protocol):
    """Provides credentials for each request."""

    async def get(self, rejected: Credentials | None = None) -> Credentials:
        """Return credentials, or raise a `ForbiddenError` or `UsageError`.

        Args:
            rejected: credentials that the server answered with 401, to be renewed if possible.
        """


class ServiceAccountSource:
    """The service account of the pod that this process runs in. The kubelet replaces its token before it expires."""

    def __init__(self, token: Path) -> None:
        self._token = token

    async def get(self, rejected: Credentials | None = None) -> Credentials:
        token = read_token(self._token)
        try:
            return Credentials(authorization=bearer(token))
        except ValueError as exc:
            raise ForbiddenError(f"The file {self._token} is not a token: {exc}") from None


class UserCredentialSource:
    """The user of a kubeconfig.

    Static credentials win over an exec plugin, and that over OpenID Connect, as in kubectl. An exec plugin gets the
    environment, and the reporter's status line is cleared before it may prompt. No time limit applies to a login.
    """

    def __init__(self, context: Context, environ: Mapping[str, str], reporter: Reporter) -> None:
        self._context = context
        self._environ = environ
        self._reporter = reporter
        self._loading: SingleFlight[Credentials] = SingleFlight()
        self._plugin_output: ExecCredential | None = None
        self._latest = Credentials()
        #: The certificate and key that were checked last.
        self._checked: tuple[bytes, bytes] | None = None

    async def get(self, rejected: Credentials | None = None) -> Credentials:
        # When several requests wait or are rejected at once, only the first one loads credentials.
        joins = self._loading.is_running
        credentials = await self._loading.join(lambda: self._load(rejected is not None and rejected == self._latest))
        if joins and credentials == rejected:
            # The load that was under way had begun before these credentials were rejected.
            return await self._loading.join(lambda: self._load(rejected == self._latest))
        return credentials

    async def _load(self, renew: bool) -> Credentials:
        user = self._context.user
        if user.token_file or user.client_certificate or user.client_key:
            # In a thread: reading a file may take a long time.
            static = await asyncio.to_thread(self._static)
        else:
            static = self._static()
        if static.authorization is None and static.certificate is None and user.exec:
            output = await self._run_plugin(renew)
            authorization = bearer(output.token) if output.token else None
            static = Credentials(authorization=authorization, certificate=output.certificate, key=output.key)
        elif static.authorization is None and user.auth_provider:
            try:
                authorization = bearer(await self._id_token(renew))
            except ValueError as exc:
                raise self._context.user_place.invalid("auth-provider.config.id-token", str(exc)) from None
            static = Credentials(authorization=authorization, certificate=static.certificate, key=static.key)
        self._latest = static
        return static

    def _static(self) -> Credentials:
        """Return the credentials in the kubeconfig, or in the files that it names."""
        user, place = self._context.user, self._context.user_place
        certificate = read_pem(user.client_certificate_data, user.client_certificate, place, "client-certificate")
        # Like kubectl, ignore a key without a certificate.
        key = read_pem(user.client_key_data, user.client_key, place, "client-key") if certificate else None
        if certificate and key and self._checked != (certificate, key):
            try:
                check_client_certificate(certificate, key)
            except CertificateError as exc:
                field = "client-certificate-data" if user.client_certificate_data else "client-certificate"
                raise place.invalid(field, str(exc)) from None
            self._checked = certificate, key
        return Credentials(authorization=_static_authorization(user, place), certificate=certificate, key=key)

    async def _run_plugin(self, renew: bool) -> ExecCredential:
        from kaito.cluster.auth.exec_plugin import run_plugin

        if self._plugin_output is None or self._plugin_output.expired or renew:
            with login():
                self._plugin_output = await run_plugin(self._context, self._environ, self._reporter)
        return self._plugin_output

    async def _id_token(self, renew: bool) -> str:
        from kaito.cluster.auth.oidc import id_token

        # Some providers accept a refresh token only once, so that a renewal must not be interrupted, either.
        with login():
            return await id_token(self._context, renew=renew)


def _static_authorization(user: User, place: Place) -> str | None:
    """Return the header for a token or a password; `None` without one."""
    token, field = user.token, "token"
    if user.token_file:
        try:
            token, field = read_token(place.folder / user.token_file), "tokenFile"
        except ForbiddenError:
            # The kubeconfig also has the token that was last read from the file.
            if not token:
                raise
    if token:
        try:
            return bearer(token)
        except ValueError as exc:
            raise place.invalid(field, str(exc)) from None
    if user.username:
        password = base64.b64encode(f"{user.username}:{user.password}".encode()).decode()
        return f"Basic {password}"
    return None
