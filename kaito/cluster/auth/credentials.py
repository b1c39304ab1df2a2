"""The token or client certificate for requests to the API server, renewed when it expires."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from kaito.cluster.auth.certificates import expiry, read_pem
from kaito.errors import ForbiddenError, UsageError

if TYPE_CHECKING:
    from kaito.cluster.auth.exec_plugin import ExecCredential
    from kaito.cluster.auth.kubeconfig import Context, User
    from kaito.types import Reporter


class Credentials(Struct, frozen=True, kw_only=True):
    """What authenticates a request."""

    #: The value of the `Authorization` header.
    authorization: str | None = None
    #: PEM.
    certificate: bytes | None = None
    key: bytes | None = None

    # Keeps secrets out of tracebacks.
    __repr__ = object.__repr__

    @property
    def certificate_expiry(self) -> datetime | None:
        """When the client certificate expires; `None` without one."""
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
        return Credentials(authorization=f"Bearer {_read_token(self._token)}")


class UserCredentialSource:
    """The user of a kubeconfig.

    Static credentials win over an exec plugin, and that over OpenID Connect, as in kubectl. An exec plugin gets the
    environment, and the reporter's status line is cleared before it may prompt.
    """

    def __init__(self, context: Context, environ: Mapping[str, str], reporter: Reporter) -> None:
        self._context = context
        self._environ = environ
        self._reporter = reporter
        self._lock = asyncio.Lock()
        self._plugin_output: ExecCredential | None = None
        self._latest = Credentials()

    async def get(self, rejected: Credentials | None = None) -> Credentials:
        async with self._lock:
            # Of several requests that were rejected at once, only the first renews them.
            renew = rejected is not None and rejected == self._latest
            self._latest = await self._load(renew)
            return self._latest

    async def _load(self, renew: bool) -> Credentials:
        user, folder = self._context.user, self._context.user_folder
        certificate = read_pem("client-certificate", user.client_certificate_data, user.client_certificate, folder)
        key = read_pem("client-key", user.client_key_data, user.client_key, folder)
        if bool(certificate) != bool(key):
            missing = "client-key" if certificate else "client-certificate"
            raise UsageError(f"The kubeconfig's user '{self._context.user_name}' has no {missing}")
        authorization = _static_authorization(user, folder)
        if authorization is None and certificate is None and user.exec:
            output = await self._run_plugin(renew)
            certificate, key = output.certificate, output.key
            authorization = _bearer(output.token) if output.token else None
        elif authorization is None and user.auth_provider:
            authorization = _bearer(await self._id_token(renew))
        return Credentials(authorization=authorization, certificate=certificate, key=key)

    async def _run_plugin(self, renew: bool) -> ExecCredential:
        from kaito.cluster.auth.exec_plugin import run_plugin

        if self._plugin_output is None or self._plugin_output.expired or renew:
            self._plugin_output = await run_plugin(self._context, self._environ, self._reporter)
        return self._plugin_output

    async def _id_token(self, renew: bool) -> str:
        provider = self._context.user.auth_provider
        if provider is None or provider.name != "oidc":
            raise UsageError(
                f"The kubeconfig's auth-provider '{provider and provider.name}' is not supported, nor is it by kubectl",
                "Use your cloud provider's command-line tool to write the kubeconfig again",
            )
        from kaito.cluster.auth.oidc import id_token

        return await id_token(self._context, renew=renew)


def _static_authorization(user: User, folder: Path) -> str | None:
    """Return the header for a token or a password; `None` without one."""
    token = user.token
    if user.token_file:
        try:
            token = _read_token(folder / user.token_file)
        except ForbiddenError:
            # The token in the kubeconfig is the file's latest known content.
            if not token:
                raise
    if token:
        return _bearer(token)
    if user.username:
        password = base64.b64encode(f"{user.username}:{user.password or ''}".encode()).decode()
        return f"Basic {password}"
    return None


def _bearer(token: str) -> str:
    if not token.isprintable():
        raise UsageError("The token for the cluster contains a control character")
    return f"Bearer {token}"


def _read_token(path: Path) -> str:
    try:
        token = path.read_text(encoding="ascii").strip()
    except OSError as exc:
        raise ForbiddenError(f"The token for the cluster cannot be read: {path}: {exc.strerror}") from None
    except UnicodeDecodeError:
        raise ForbiddenError(f"The file {path} does not contain a token") from None
    if not token:
        raise ForbiddenError(f"The token file {path} is empty")
    return token
