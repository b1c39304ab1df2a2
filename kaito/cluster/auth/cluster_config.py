"""Which API server, and as whom: from a kubeconfig, or from the pod that this runs in."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

from kubernetes.aio.config.config_exception import ConfigException
from kubernetes.aio.config.incluster_config import InClusterConfigLoader
from msgspec import Struct
from yarl import URL

from kaito.cluster.auth import certificates
from kaito.cluster.auth.credentials import Credentials, CredentialSource, ServiceAccountSource, UserCredentialSource
from kaito.cluster.auth.kubeconfig import Context, load_context, searched
from kaito.cluster.auth.service_account import in_pod
from kaito.errors import ClusterError, UsageError
from kaito.net.proxies import proxy_for, read_proxy
from kaito.types import Reporter, Target

#: Where the kubelet puts a pod's service account.
SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class ClusterConfig(Struct, frozen=True, kw_only=True):
    """How the API server is reached, before anything has been sent."""

    server: URL
    #: `-n`, else the context's, else the service account's, else `default`.
    namespace: str
    credentials: CredentialSource
    proxy: URL | None
    #: Name for TLS's SNI and the certificate's check, where it is not the URL's host.
    server_name: str | None
    #: The kubeconfig's context; `None` in a pod.
    context: Context | None

    __repr__ = object.__repr__

    def tls(self, grant: Credentials) -> ssl.SSLContext:
        """Return a context that trusts the cluster's authorities and shows the grant's certificate.

        Raises:
            UsageError: authorities or certificate cannot be used.
        """
        if self.context is None:
            context = certificates.server_context({"certificate-authority": "ca.crt"}, SERVICE_ACCOUNT)
        else:
            context = certificates.server_context(self.context.cluster, self.context.cluster_folder)
        if grant.certificate and grant.key:
            certificates.add_client_certificate(context, grant.certificate, grant.key)
        return context

    def impersonation(self) -> list[tuple[str, str]]:
        """Return the headers by which a kubeconfig's user acts as another."""
        user = self.context.user if self.context else {}
        headers = [("Impersonate-User", str(user["as"]))] if user.get("as") else []
        headers += [("Impersonate-Uid", str(user["as-uid"]))] if user.get("as-uid") else []
        headers += [("Impersonate-Group", str(group)) for group in user.get("as-groups") or ()]
        extra = user.get("as-user-extra") or {}
        return headers + [(f"Impersonate-Extra-{key}", str(value)) for key, some in extra.items() for value in some]


def certificate_expiry(grant: Credentials) -> datetime | None:
    """Return when the certificate that is shown to the API server ends."""
    return certificates.expiry(grant.certificate) if grant.certificate else None


def find_cluster_config(target: Target, environ: Mapping[str, str], reporter: Reporter) -> ClusterConfig:
    """Return how to reach the cluster: by the kubeconfig, or in a pod without one by its service account.

    Raises:
        UsageError: the kubeconfig is not valid.
        ClusterError: there is neither.
    """
    context = load_context(target.kubeconfig, target.context, environ)
    if context is None:
        if target.context is not None:
            raise UsageError(f"--context: there is no context '{target.context}'", _no_kubeconfig(target, environ))
        return _in_pod(target, environ)
    try:
        server = URL(str(context.cluster["server"]))
        usable = server.scheme in ("https", "http") and bool(server.host and server.port)
    except ValueError:
        usable = False
    if not usable:
        raise UsageError(f"The server of the kubeconfig's context '{context.name}' is no http or https URL")
    if named := context.cluster.get("proxy-url"):
        proxy: URL | None = read_proxy(str(named), "The kubeconfig names")
    else:
        # As for Go's clients, which know no ALL_PROXY.
        proxy = proxy_for(server, any_scheme=False)
    return ClusterConfig(
        # Who asks is the user's entry to say; a password in the URL would only be shown.
        server=server.with_user(None),
        namespace=target.namespace or context.namespace or "default",
        credentials=UserCredentialSource(context, environ, reporter),
        proxy=proxy,
        server_name=context.cluster.get("tls-server-name") or None,
        context=context,
    )


def pod_namespace() -> str | None:
    """Return the namespace of the pod that this runs in; `None` where no service account tells it."""
    try:
        return (SERVICE_ACCOUNT / "namespace").read_text(encoding="ascii").strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def _in_pod(target: Target, environ: Mapping[str, str]) -> ClusterConfig:
    token = SERVICE_ACCOUNT / "token"
    configuration = SimpleNamespace(api_key={})
    try:
        loader = InClusterConfigLoader(token, SERVICE_ACCOUNT / "ca.crt", try_refresh_token=False, environ=environ)
        loader.load_and_set(configuration)
    except ConfigException as exc:
        if in_pod(environ):
            raise ClusterError(f"This pod has no service account to ask the API server with: {exc}", _HINT) from None
        raise ClusterError("There is no cluster to talk to", _no_kubeconfig(target, environ), _HINT) from None
    except OSError as exc:
        raise ClusterError(f"The pod's service account cannot be read: {exc.strerror}", _HINT) from None
    server = URL(configuration.host)
    return ClusterConfig(
        server=server,
        namespace=target.namespace or pod_namespace() or "default",
        credentials=ServiceAccountSource(token),
        proxy=proxy_for(server, any_scheme=False),
        server_name=None,
        context=None,
    )


_HINT = "Without a cluster, use --backend local or --endpoint URL"


def _no_kubeconfig(target: Target, environ: Mapping[str, str]) -> str:
    return f"Neither a kubeconfig ({searched(target.kubeconfig, environ)}) nor a pod's service account was found"
