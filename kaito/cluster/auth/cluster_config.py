"""How to connect to the API server: from a kubeconfig, or from the pod's service account."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from urllib.parse import quote

from msgspec import Struct
from yarl import URL

from kaito.cluster.auth import service_account
from kaito.cluster.auth.certificates import CertificateError, add_client_certificate, server_context
from kaito.cluster.auth.credential_values import read_pem
from kaito.cluster.auth.credentials import (
    Credentials,
    CredentialSource,
    ServiceAccountSource,
    UserCredentialSource,
)
from kaito.cluster.auth.kubeconfig import Context, load_context, search_path
from kaito.cluster.auth.kubeconfig_types import Place
from kaito.errors import ClusterError, NoClusterError, UsageError
from kaito.net.proxies import by_kind, parse_proxy, proxy_for
from kaito.net.proxy_errors import ProxyError
from kaito.types import Location, Reporter, Target


class ClusterConfig(Struct, frozen=True, kw_only=True):
    """How to connect to the API server."""

    server: URL
    #: `-n`, otherwise the context's, otherwise the service account's, otherwise `default`.
    namespace: str
    credentials: CredentialSource
    #: An HTTP proxy.
    proxy: URL | None
    #: The name for SNI and for verifying the certificate; `None` for the URL's host.
    server_name: str | None
    #: The kubeconfig's context; `None` in a pod.
    context: Context | None

    #: The authorities for verifying the API server's certificate, as PEM; `None` for the system's.
    authorities: bytes | None = None
    #: Whether the API server's certificate is verified.
    verify: bool = True
    #: A SOCKS proxy.
    socks: URL | None = None

    # Secrets must not appear in a traceback.
    __repr__ = object.__repr__

    def location(self, namespace: str | None = None) -> Location:
        """Return where the cluster is, for endpoints in it.

        Args:
            namespace: the one of the endpoint; that of the configuration by default.
        """
        authorities = self.authorities.decode("ascii", "replace") if self.authorities is not None else ""
        return Location(
            namespace=namespace or self.namespace,
            context=self.context.name if self.context is not None else None,
            server=f"{self.server.with_query(None)}\n{authorities}",
        )

    @property
    def flags(self) -> str:
        """The flags that select the cluster again, for commands to paste; `""` without any."""
        return self.context.flags if self.context is not None else ""

    @property
    def contexts_command(self) -> str:
        """The command that lists the contexts."""
        return f"kubectl config get-contexts{self.flags}"

    def tls(self, credentials: Credentials) -> ssl.SSLContext:
        """Return a context that trusts the cluster's authorities and presents the client certificate."""
        context = server_context(self.authorities, verify=self.verify)
        if credentials.certificate and credentials.key:
            add_client_certificate(context, credentials.certificate, credentials.key)
        return context

    def impersonation(self) -> list[tuple[str, str]]:
        """Return the headers with which a kubeconfig's user acts as another user.

        https://kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation
        """
        if self.context is None:
            return []
        user = self.context.user
        headers = [("Impersonate-User", user.impersonate)] if user.impersonate else []
        headers += [("Impersonate-Uid", user.impersonate_uid)] if user.impersonate_uid else []
        headers += [("Impersonate-Group", group or "") for group in user.impersonate_groups]
        for key, values in user.impersonate_extra.items():
            # Characters that are not allowed in a header's name are percent-encoded.
            name = f"Impersonate-Extra-{quote(key, safe=_HEADER_NAME)}"
            headers += [(name, value or "") for value in values]
        return headers


#: Characters that a header's name may have in addition to letters and digits (RFC 9110, 5.6.2), without `%`.
_HEADER_NAME = "!#$&'*+-.^_`|~"


def find_cluster_config(target: Target, environ: Mapping[str, str], reporter: Reporter) -> ClusterConfig:
    """Return how to connect to the cluster: by the kubeconfig, or by the service account in a pod without one.

    Raises:
        UsageError: the kubeconfig is not valid.
        ClusterError: neither exists.
    """
    context = load_context(target.kubeconfig, target.context, environ)
    if context is None:
        if target.context is not None:
            raise UsageError(f"--context: Context '{target.context}' not found", _no_kubeconfig(target, environ))
        return _from_service_account(target, environ)
    cluster, place = context.cluster, context.cluster_place
    server = URL(cluster.server)
    authorities = read_pem(
        cluster.certificate_authority_data, cluster.certificate_authority, place, "certificate-authority"
    )
    if authorities is not None:
        try:
            server_context(authorities)
        except CertificateError as exc:
            data = "-data" if cluster.certificate_authority_data else ""
            raise place.invalid(f"certificate-authority{data}", str(exc)) from None
    proxy, socks = by_kind(_own_proxy(cluster.proxy_url, place) if cluster.proxy_url else _environment_proxy(server))
    return ClusterConfig(
        # Credentials come from the kubeconfig's user. A password in the URL would appear in messages.
        server=server.with_user(None),
        namespace=target.namespace or context.namespace or "default",
        credentials=UserCredentialSource(context, environ, reporter),
        proxy=proxy,
        socks=socks,
        server_name=cluster.tls_server_name or None,
        context=context,
        authorities=authorities,
        verify=not cluster.insecure_skip_tls_verify,
    )


def _from_service_account(target: Target, environ: Mapping[str, str]) -> ClusterConfig:
    if not service_account.in_pod(environ):
        raise NoClusterError("No cluster is configured", _no_kubeconfig(target, environ))
    try:
        server = service_account.api_server(environ)
        authorities = service_account.authorities()
    except ClusterError as exc:
        raise NoClusterError(exc.message) from None
    proxy, socks = by_kind(_environment_proxy(server))
    return ClusterConfig(
        server=server,
        namespace=target.namespace or service_account.pod_namespace() or "default",
        credentials=ServiceAccountSource(service_account.FOLDER / "token"),
        proxy=proxy,
        socks=socks,
        server_name=None,
        context=None,
        authorities=authorities,
    )


def _own_proxy(url: str, place: Place) -> URL:
    try:
        return parse_proxy(url)
    except ProxyError as exc:
        raise place.invalid("proxy-url", f"it names {exc}", *exc.hints) from None


def _environment_proxy(server: URL) -> URL | None:
    # Go's clients ignore ALL_PROXY.
    return proxy_for(server, any_scheme=False, socks=True)


def _no_kubeconfig(target: Target, environ: Mapping[str, str]) -> str:
    path = search_path(target.kubeconfig, environ)
    return f"There is no kubeconfig at {path}, and this process does not run in a pod"
