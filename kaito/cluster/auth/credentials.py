"""Who asks: the token or certificate that goes with requests to the API server, renewed as it expires."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

from kubernetes.aio.config.config_exception import ConfigException
from kubernetes.aio.config.kube_config import ConfigNode, KubeConfigLoader
from msgspec import Struct

from kaito.cluster.auth import certificates, exec_plugin, oidc
from kaito.cluster.auth.kubeconfig import Context
from kaito.errors import ForbiddenError, UsageError
from kaito.types import Reporter


class Credentials(Struct, frozen=True, kw_only=True):
    """What goes with a request."""

    #: The value of the `Authorization` header.
    authorization: str | None = None
    #: PEM.
    certificate: bytes | None = None
    key: bytes | None = None

    __repr__ = object.__repr__


class CredentialSource(Protocol):
    """Where grants come from."""

    async def grant(self, refused: Credentials | None = None) -> Credentials:
        """Return what to send.

        Args:
            refused: the server answered 401 to this one: it has to be renewed, if that is possible.

        Raises:
            ForbiddenError: there is none to be had.
            UsageError: what the configuration names cannot be read.
        """


class ServiceAccountSource:
    """The service account of the pod that this runs in.

    Args:
        token: the file that holds its token; the kubelet replaces it from time to time.
    """

    def __init__(self, token: Path) -> None:
        self._token = token

    async def grant(self, refused: Credentials | None = None) -> Credentials:
        """Read the token anew: it may have been rotated."""
        return Credentials(authorization=f"Bearer {_token_in(self._token)}")


class UserCredentialSource:
    """The user of a kubeconfig.

    What is static wins over what has to be asked for, as in kubectl: a token or a password over an exec plugin, that
    over OpenID Connect. A client certificate goes with each.

    Args:
        context: the kubeconfig's context.
        environ: the environment, for exec plugins.
        reporter: is told to be silent while a plugin may ask something.
    """

    def __init__(self, context: Context, environ: Mapping[str, str], reporter: Reporter) -> None:
        self._context = context
        self._environ = environ
        self._reporter = reporter
        self._renewing = asyncio.Lock()
        self._given: exec_plugin.Credential | None = None
        self._latest = Credentials()

    async def grant(self, refused: Credentials | None = None) -> Credentials:
        """Return what the kubeconfig says, or what its plugin or provider gives."""
        async with self._renewing:
            # Of several requests that were refused at once, the first has renewed it for all.
            renew = refused is not None and refused == self._latest
            self._latest = await self._current(renew)
            return self._latest

    async def _current(self, renew: bool) -> Credentials:
        user, folder = self._context.user, self._context.user_folder
        certificate = certificates.material(user, "client-certificate", folder)
        key = certificates.material(user, "client-key", folder)
        if bool(certificate) != bool(key):
            raise UsageError("The kubeconfig's client certificate and its key belong together: one of them is missing")
        if file := user.get("tokenFile"):
            static: dict[str, Any] = {"token": _token_in(folder / str(file))}
        else:
            static = {name: user[name] for name in ("token", "username", "password") if user.get(name)}
        if not static and user.get("exec"):
            if self._given is None or self._given.expired or renew:
                self._given = await exec_plugin.run_plugin(self._context, self._environ, self._reporter)
            certificate, key = self._given.certificate or certificate, self._given.key or key
            static = {"token": self._given.token} if self._given.token else {}
        elif not static and user.get("auth-provider"):
            if user["auth-provider"].get("name") != "oidc":
                name = user["auth-provider"].get("name")
                raise UsageError(
                    f"The kubeconfig's auth-provider '{name}' is one that kubectl, too, has given up",
                    "Have your cloud's command line write the kubeconfig anew",
                )
            static = {"token": await oidc.id_token(self._context, renew=renew)}
        return Credentials(authorization=await _authorization(static), certificate=certificate, key=key)


async def _authorization(user: dict[str, Any]) -> str | None:
    """Have the Kubernetes client's loader make a header of what is known of a user.

    It sees neither certificates nor plugins: it would write keys to disk and swallow a plugin's failure.
    """
    if not user:
        return None
    config = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": ""}}],
        "users": [{"name": "u", "user": user}],
    }
    configuration = SimpleNamespace(api_key={})
    try:
        await KubeConfigLoader(ConfigNode("kubeconfig", config)).load_and_set(configuration)
    except ConfigException as exc:
        raise UsageError(f"The kubeconfig's user is not valid: {exc}") from None
    header: str | None = configuration.api_key.get("BearerToken")
    if header is not None and not header.isprintable():
        raise UsageError("The kubeconfig's token or password holds a control character")
    return header


def _token_in(path: Path) -> str:
    try:
        token = path.read_text(encoding="ascii").strip()
    except OSError as exc:
        raise ForbiddenError(f"The token for the cluster cannot be read: {path}: {exc.strerror}") from None
    except UnicodeDecodeError:
        raise ForbiddenError(f"The file {path} holds no token") from None
    if not token:
        raise ForbiddenError(f"The file {path}, which should hold a token for the cluster, is empty")
    return token
