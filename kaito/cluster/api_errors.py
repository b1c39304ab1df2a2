"""What the API server says when it refuses, in words that tell what to do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from kaito.errors import ClusterError, ForbiddenError, KaitoError, NotFoundError

# Such as: User "jo" cannot get resource "pods/portforward" in API group "" in the namespace "team"
_FORBIDDEN = re.compile(
    r'User "(?P<user>[^"]*)" cannot (?P<verb>\S+) resource "(?P<resource>[^"]*)" in API group "(?P<group>[^"]*)"'
    r'(?: in the namespace "(?P<namespace>[^"]*)"| at the cluster scope)?'
)
#: Who is not logged in.
_ANONYMOUS = "system:anonymous"
_WORDS = 300


class Missing(NotFoundError):
    """The API server has no such object."""


class NotServed(NotFoundError):
    """The API server does not know the kind at all, or not in that version."""


class Expired(KaitoError):
    """A watch wants to go on from a point that the API server has forgotten (410)."""


class Unavailable(ClusterError):
    """The API server cannot do it now; it may later."""


class PermissionMissing(ForbiddenError):
    """A Role does not grant something. The message names the verb and the resource.

    Args:
        needed: such as `get pods/portforward`.
        words: the message and hints.
    """

    def __init__(self, needed: str, *words: str) -> None:
        super().__init__(*words)
        self.needed = needed


class _Status(msgspec.Struct):
    """https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/"""

    message: str = ""
    reason: str = ""


def refusal(status: int, headers: Mapping[str, str], body: bytes, *, expires: datetime | None = None) -> KaitoError:
    """Return what to raise for an answer of the API server that is not 2xx.

    Args:
        status: HTTP's.
        headers: the answer's.
        body: a `Status` object, or plain text.
        expires: when the client's certificate ends, if one was shown.
    """
    try:
        said = msgspec.json.decode(body, type=_Status)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        said = _Status(message=body[:_WORDS].decode(errors="replace").strip())
    words = said.message[:_WORDS] or said.reason or "it gives no reason"
    if status == 101:
        return Unavailable("The API server refused a tunnel, and would open it now", "Try again in a moment")
    if status == 401:
        return _unauthorized(expires)
    if status == 403:
        return _forbidden(words)
    if status == 404:
        return Missing(words) if said.reason else NotServed(words)
    if status == 410 or said.reason == "Expired":
        return Expired(words)
    if status in (429, 500, 502, 503, 504):
        return Unavailable(f"The API server is not available: {words} (HTTP {status})", "Try again in a moment")
    if 300 <= status < 400:
        where = headers.get("Location", "").partition("?")[0][:_WORDS]
        return ClusterError(f"What answers at the API server's address redirects to {where}", _CHECK_SERVER)
    return KaitoError(f"The API server refuses: {words} (HTTP {status})")


_CHECK_SERVER = "Check the server's address in the kubeconfig"


def _unauthorized(expires: datetime | None) -> ForbiddenError:
    if expires is not None and expires <= datetime.now(UTC):
        return ForbiddenError(
            f"Your client certificate for the cluster expired on {expires:%Y-%m-%d %H:%M} UTC",
            "Have your cluster's command line write the kubeconfig anew",
        )
    return ForbiddenError(
        "The API server does not accept your credentials (HTTP 401)",
        "They are not valid, or have expired: log in to the cluster again",
    )


def _forbidden(words: str) -> ForbiddenError:
    match = _FORBIDDEN.search(words)
    if match is None:
        return ForbiddenError(f"The API server does not allow this: {words}")
    user, verb, resource, group, namespace = match.group("user", "verb", "resource", "group", "namespace")
    needed = f"{verb} {resource}" + (f".{group}" if group else "")
    if user == _ANONYMOUS:
        return ForbiddenError(
            "The API server was shown no credentials, and does not allow this to strangers",
            f"Needed: {needed}; log in to the cluster, or check the user in the kubeconfig",
        )
    kind, _, part = resource.partition("/")
    asked = kind + (f".{group}" if group else "") + (f" --subresource={part}" if part else "")
    where, option = (f"namespace '{namespace}'", f"-n {namespace}") if namespace else ("the whole cluster", "-A")
    return PermissionMissing(
        needed,
        f"User '{user}' may not {needed} in {where}",
        f"It takes a role with verb '{verb}' on '{resource}' in API group '{group}'",
        f"To check: kubectl auth can-i {verb} {asked} {option}",
    )
