"""Turns error responses of the API server into exceptions with a message and a hint."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from datetime import UTC, datetime

from msgspec import Struct

from kaito.errors import ClusterError, ForbiddenError, KaitoError, NotFoundError
from kaito.net.redirects import shown_location
from kaito.net.retries import parse_retry_after
from kaito.util.decoding import DecodeError, decode_json
from kaito.util.sanitize import one_line

# For example: User "jo" cannot get resource "pods/portforward" in API group "" in the namespace "team"
_FORBIDDEN = (
    r'User "(?P<user>[^"]*)" cannot (?P<verb>\S+) resource "(?P<resource>[^"]*)" in API group "(?P<group>[^"]*)"'
    r'(?: in the namespace "(?P<namespace>[^"]*)"| at the cluster scope)?'
)
# A path without objects, such as the one that lists what is served.
_FORBIDDEN_PATH = r'User "(?P<user>[^"]*)" cannot (?P<verb>\S+) path "(?P<path>[^"]*)"'
#: The user of requests without credentials.
_ANONYMOUS = "system:anonymous"
_MAX_MESSAGE = 300


def check_server(flags: str) -> str:
    """Return the hint for a server whose responses are not those of an API server.

    Args:
        flags: those that select the cluster, for the command.
    """
    return f"Check the server's address in the kubeconfig: kubectl config view --minify{flags}"


class ObjectNotFoundError(NotFoundError):
    """The object does not exist.

    Args:
        resource: the plural of its kind, such as `services`; `""` when the API server does not say.
    """

    def __init__(self, message: str, *hints: str, resource: str = "") -> None:
        super().__init__(message, *hints)
        self.resource = resource


class KindNotServedError(NotFoundError):
    """The API server does not serve the kind, or does not serve this version of it."""


class VersionExpiredError(KaitoError):
    """The API server no longer has the resource version that a watch continues from (410)."""


class ApiUnavailableError(ClusterError):
    """The API server, or the server that it proxies to, is temporarily unavailable.

    Args:
        status: the HTTP status, if it responded.
        retry_after: seconds that it asks to wait.
    """

    def __init__(self, message: str, *hints: str, status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(message, *hints)
        self.status = status
        self.retry_after = retry_after


class ApiRefusedError(ClusterError):
    """The API server refuses connections, perhaps because it is starting."""


class MissingPermissionError(ForbiddenError):
    """No role grants the user a permission."""

    def __init__(self, needed: str, message: str, *hints: str) -> None:
        super().__init__(message, *hints)
        #: Verb and resource, such as `get pods/portforward`.
        self.needed = needed


class StatusDetails(Struct, frozen=True):
    """The object that an error is about."""

    #: The plural of the kind, such as `services`.
    kind: str = ""
    name: str = ""


class Status(Struct, frozen=True):
    """The body of an error response.

    https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/
    """

    kind: str = ""
    message: str = ""
    reason: str = ""
    details: StatusDetails = StatusDetails()
    #: An integer, unless the API server is broken.
    code: object = None

    @classmethod
    def parse(cls, body: bytes) -> Status | None:
        """Return the decoded body; `None` if it is not a JSON object of this form."""
        try:
            return decode_json(body, cls)
        except DecodeError:
            return None


def api_error(
    code: int, headers: Mapping[str, str], body: bytes, flags: str = "", *, expires: datetime | None = None
) -> KaitoError:
    """Return the exception for an error response.

    Args:
        code: the HTTP status.
        headers: the response's.
        body: a `Status` object, or plain text.
        flags: those that select the cluster, for commands in hints.
        expires: when the client certificate that was presented expires.
    """
    status = Status.parse(body) or Status(message=body[:_MAX_MESSAGE].decode(errors="replace").strip())
    message = one_line(status.message or status.reason)[:_MAX_MESSAGE] or "no reason given"
    if code == 101:
        # The handshake of a WebSocket was repeated as a plain request, and that succeeded.
        return ApiUnavailableError("The API server closed the connection", "Try again in a moment")
    if code == 401:
        return _unauthorized(expires)
    if code == 403:
        return _forbidden(message, flags)
    if code == 404:
        return _not_found(message, status, flags)
    if code == 410 or status.reason == "Expired":
        return VersionExpiredError(message)
    if code in (429, 500, 502, 503, 504):
        return ApiUnavailableError(
            f"The API server is unavailable: {message} (HTTP {code})",
            "Try again in a moment",
            status=code,
            retry_after=parse_retry_after(headers),
        )
    if 300 <= code < 400:
        location = shown_location(headers.get("Location", ""))
        return ClusterError(f"The API server's address redirects to {location}", check_server(flags))
    return KaitoError(f"The API server rejected the request: {message} (HTTP {code})")


def watch_error(status: bytes, flags: str = "") -> KaitoError:
    """Return the exception for the `Status` that a watch ends with; the flags are those of :func:`api_error`."""
    parsed = Status.parse(status)
    code = parsed.code if parsed is not None else None
    return api_error(code if isinstance(code, int) and 400 <= code < 600 else 500, {}, status, flags)


def _not_found(message: str, status: Status, flags: str) -> NotFoundError:
    if not status.reason:
        return KindNotServedError(message)
    if status.details.kind == "namespaces" and (name := one_line(status.details.name)):
        return ObjectNotFoundError(
            f"Namespace '{name}' not found",
            f"To list the namespaces: kubectl get namespaces{flags}",
            f"To create it: kubectl create namespace {shlex.quote(name)}{flags}",
            resource="namespaces",
        )
    return ObjectNotFoundError(message, resource=status.details.kind)


def _unauthorized(expires: datetime | None) -> ForbiddenError:
    if expires is not None and expires <= datetime.now(UTC):
        return ForbiddenError(
            f"Your client certificate for the cluster expired on {expires:%Y-%m-%d %H:%M} UTC",
            "Use your cluster's command-line tool to write the kubeconfig again",
        )
    return ForbiddenError(
        "The API server rejected your credentials (HTTP 401)",
        "They are invalid or have expired. Log in to the cluster again",
    )


def _forbidden(message: str, flags: str) -> ForbiddenError:
    if match := re.search(_FORBIDDEN_PATH, message):
        user, verb, path = match.group("user", "verb", "path")
        return _anonymous(f"{verb} {path}", flags) if user == _ANONYMOUS else _forbidden_path(user, verb, path, flags)
    match = re.search(_FORBIDDEN, message)
    if match is None:
        return ForbiddenError(f"The API server does not allow the request: {message}")
    user, verb, resource, group, namespace = match.group("user", "verb", "resource", "group", "namespace")
    needed = f"{verb} {resource}" + (f".{group}" if group else "")
    if user == _ANONYMOUS:
        return _anonymous(needed, flags)
    scope = f"namespace '{namespace}'" if namespace else "the whole cluster"
    return MissingPermissionError(
        needed,
        f"User '{user}' may not {needed} in {scope}",
        f"This requires a role with verb '{verb}' on '{resource}' in API group '{group}'",
        can_i_hint(verb, resource, group=group or "", namespace=namespace, flags=flags),
    )


def _forbidden_path(user: str, verb: str, path: str, flags: str) -> ForbiddenError:
    return MissingPermissionError(
        f"{verb} {path}",
        f"User '{user}' may not {verb} the path {path} of the API server",
        f"This requires a role of the cluster with verb '{verb}' on '{path}' in nonResourceURLs",
        f"To check: kubectl auth can-i {verb} {path}{flags}",
    )


def _anonymous(needed: str, flags: str) -> ForbiddenError:
    return ForbiddenError(
        "The request had no credentials, and the API server refuses it from anonymous users",
        f"Permission needed: {needed}",
        f"Log in to the cluster, or check the user in the kubeconfig: kubectl config view --minify{flags}",
    )


def can_i_hint(verb: str, resource: str, *, group: str = "", namespace: str | None, flags: str) -> str:
    """Return a hint with the command that checks a permission. Without a namespace it is for the whole cluster.

    Args:
        flags: those that select the cluster.
    """
    kind, _, subresource = resource.partition("/")
    kind += f".{group}" if group else ""
    option = f" --subresource={subresource}" if subresource else ""
    scope = f"-n {namespace}" if namespace else "-A"
    return f"To check: kubectl auth can-i {verb} {kind}{option} {scope}{flags}"
