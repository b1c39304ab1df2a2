"""Where requests are sent: the target that the user names, and the endpoints that backends offer for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Literal, Protocol
from urllib.parse import urlsplit

from msgspec import Struct

if TYPE_CHECKING:
    import ssl

    import aiohttp
    from yarl import URL

    from kaito.errors import KaitoError


class Target(Struct, frozen=True, kw_only=True):
    """What the user wants to connect to. Backends find endpoints for it."""

    #: `None` with `--endpoint` and with a backend that needs no workspace.
    workspace: str | None = None
    #: `workspace`, or `inferenceset` when the name was given as `inferenceset/NAME`.
    kind: Literal["workspace", "inferenceset"] = "workspace"
    #: `-n`; `None` for the namespace of the kubeconfig's context.
    namespace: str | None = None
    #: `--endpoint`.
    endpoint: str | None = None
    #: `--model`: a model, an adapter, or (for the local backend) a file.
    model: str | None = None
    #: `--kubeconfig`.
    kubeconfig: str | None = None
    #: `--context`.
    context: str | None = None
    #: `--wait`: the most seconds to wait until it is ready; `None` when it must be ready now.
    wait: float | None = None
    #: `--request-timeout`: seconds for one request to the API server; `None` for no limit.
    request_timeout: float | None = None

    @property
    def flags(self) -> str:
        """The flags that select it, for a command to paste: `--workspace-name my-llama -n team-a --context prod`."""
        name = self.workspace if self.kind == "workspace" else f"{self.kind}/{self.workspace}"
        return f"--workspace-name {_quoted(name or '')}{self.place_flags}"

    @property
    def place_flags(self) -> str:
        """The flags for the namespace and the cluster, if they were given, each after a blank."""
        namespace = f" -n {_quoted(self.namespace)}" if self.namespace else ""
        return namespace + self.cluster_flags

    @property
    def cluster_flags(self) -> str:
        """The flags for the cluster only, which kubectl also has."""
        return cluster_flags(self.context, self.kubeconfig)


def cluster_flags(context: str | None, kubeconfig: str | None) -> str:
    """Return the flags that select a cluster in a command to paste, kubectl's as well; each after a blank."""
    given = {"--context": context, "--kubeconfig": kubeconfig}
    return "".join(f" {flag} {_quoted(value)}" for flag, value in given.items() if value)


def target_of(workspace: str | None, **fields: Any) -> Target:
    """Return the target that a name selects, with further fields.

    Args:
        workspace: such as `my-llama`, `workspace/my-llama` or `inferenceset/my-set`.
    """
    kind: Literal["workspace", "inferenceset"] = "workspace"
    workspace = workspace.removeprefix("workspace/") if workspace is not None else None
    if workspace is not None and workspace.startswith("inferenceset/"):
        kind, workspace = "inferenceset", workspace.removeprefix("inferenceset/")
    return Target(workspace=workspace or None, kind=kind, **fields)


def _quoted(value: str) -> str:
    from shlex import quote

    return quote(value)


def service_url(workspace: str, namespace: str, domain: str = "cluster.local") -> str:
    """Return the base URL of a Workspace's Service. KAITO gives it the Workspace's name, and port 80."""
    return f"http://{workspace}.{namespace}.svc.{domain}"


def shown_url(workspace: str | None, namespace: str | None) -> str:
    """Return the URL in the `Endpoint:` line of an error about a Workspace; `(unknown)` without one."""
    return f"{service_url(workspace, namespace or 'default')}/chat/completions" if workspace else "(unknown)"


class Rank(IntEnum):
    """The ranks of the built-in backends. A plugin may use any number, also between these."""

    #: The URL of `--endpoint`.
    ENDPOINT = 0
    #: The Service's DNS name, inside the cluster.
    IN_CLUSTER = 10
    #: An ingress, a gateway or a load balancer, with TLS.
    INGRESS = 20
    #: The API server's port-forward.
    PORT_FORWARD = 30
    #: The API server's Service proxy.
    API_PROXY = 40


class Candidate(Struct, frozen=True, kw_only=True):
    """An endpoint that a backend discovered and has not opened."""

    #: The name of the backend that offers it and opens it.
    backend: str
    #: The URL to show to people.
    url: str
    #: Lower is better; see :class:`Rank`. `None`: used only when the user names the backend with `--backend`.
    rank: int | None = None
    #: Whether another process on this machine can use the URL as it is.
    shared: bool = False
    #: Whether the URL works from outside the cluster.
    external: bool = False
    #: What went wrong when the backend tried the URL; `""` if nothing did. Such a candidate is tried last.
    problem: str = ""
    #: The backend's own data for `open`.
    detail: Any = None

    @property
    def base(self) -> str:
        """See :attr:`Endpoint.base`."""
        return _base_url(self.url)


class Location(Struct, frozen=True, kw_only=True):
    """Where an endpoint is: for people to read, and to distinguish servers of the same name."""

    #: The namespace; `None` outside a cluster.
    namespace: str | None = None
    #: The kubeconfig's context; `None` without one, as in a pod.
    context: str | None = None
    #: Identifies the server: the API server's URL and its authorities, the server's own URL, or any name that stays
    #: the same. Only its hash is stored, and it is never shown. `""` to use the endpoint's URL.
    server: str = ""
    #: The place of a server outside a cluster, as people call it, such as `the lab`; `""` to use the host of
    #: `shown_url`.
    host: str = ""

    # Certificates would fill a traceback.
    __repr__ = object.__repr__

    @property
    def in_cluster(self) -> list[tuple[str, str]]:
        """The context and the namespace with their names, for people to read; empty outside a cluster."""
        if self.namespace is None and self.context is None:
            return []
        context = ("context", self.context or "in-cluster")
        return [context, *([("namespace", self.namespace)] if self.namespace else [])]


class Endpoint(Struct, frozen=True, kw_only=True):
    """An open endpoint: where requests go, and how they are sent."""

    #: The base URL, with or without a trailing `/v1`: both forms are tried.
    url: str
    #: The URL in the `Endpoint:` line of an error.
    shown_url: str
    #: The name in the banner.
    label: str
    #: Where it is. `--continue` continues only a conversation that was at the same location.
    location: Location = Location()
    #: The model to request, when the backend knows better than `--model` and the server's list.
    model: str | None = None
    #: The name to show when the server lists no models. It is never requested.
    preset: str | None = None
    #: Sent with every request; may hold secrets. The user's key (`--api-key-file`, `KAITO_API_KEY`) and `--header`
    #: replace those of the same name.
    headers: Mapping[str, str] = {}
    #: How `https` is verified: `True` with the system's authorities, `False` not at all. `--certificate-authority` and
    #: `--insecure-skip-tls-verify` replace it.
    ssl: ssl.SSLContext | bool = True
    #: The name for TLS (SNI and the check of the certificate); `None` for the URL's host.
    server_hostname: str | None = None
    #: Creates the connector of an endpoint that is not reached by plain TCP. Called in the event loop.
    connector: Callable[[], aiohttp.BaseConnector] | None = None
    #: IP addresses or names to connect to in place of a DNS lookup of the URL's host. No proxy is used then.
    addresses: tuple[str, ...] = ()
    #: Whether `HTTP_PROXY`, `HTTPS_PROXY` and `ALL_PROXY` apply (never for loopback).
    proxied: bool = True
    #: The proxy to use, whatever the environment names.
    proxy: URL | None = None
    #: aiohttp client middlewares: they see each request before it is sent and its response before it is read.
    middlewares: tuple[aiohttp.ClientMiddlewareType, ...] = ()
    #: Explains an error response, given its status, headers and body, if it was sent by something between this process
    #: and the model's server; returns `None` if the server itself sent it.
    explain: Callable[[int, Mapping[str, str], bytes], KaitoError | None] | None = None
    #: Whether connections pass through a tunnel that can break without notice.
    tunnelled: bool = False
    #: Returns the pod or replica that answers at present; `None` if it cannot change.
    via: Callable[[], str] | None = None

    # Secrets must not appear in a traceback.
    __repr__ = object.__repr__

    @property
    def base(self) -> str:
        """The URL to which request paths are appended: without its query, a trailing `/v1` and trailing slashes."""
        return _base_url(self.url)

    @property
    def place(self) -> list[tuple[str, str]]:
        """Where it is, for people to read: `context` and `namespace`, or `host`, with their values."""
        # A user and a password in the URL must not be shown.
        host = self.location.host or urlsplit(self.shown_url).netloc.rpartition("@")[2]
        return self.location.in_cluster or ([("host", host)] if host else [])


def _base_url(url: str) -> str:
    return url.partition("?")[0].rstrip("/").removesuffix("/v1").rstrip("/")


class Reporter(Protocol):
    """How a backend reports progress. Safe to call from any thread."""

    def status(self, text: str) -> None:
        """Show one line on a terminal until the next status; `""` removes it."""

    def retrying(self, reason: str, delay: float) -> None:
        """Report that a request failed and is retried in `delay` seconds."""

    def notice(self, text: str) -> None:
        """Write a line to stderr, whether it is a terminal or not."""
