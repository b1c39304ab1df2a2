"""The service account of the pod that this process runs in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from kaito.errors import ClusterError
from kaito.util.user_files import read_bytes

if TYPE_CHECKING:
    from yarl import URL

#: Where the kubelet mounts the service account's `token`, `ca.crt` and `namespace`.
FOLDER = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def in_pod(environ: Mapping[str, str]) -> bool:
    """Return whether this process runs in a pod of a cluster."""
    return bool(environ.get("KUBERNETES_SERVICE_HOST") and environ.get("KUBERNETES_SERVICE_PORT"))


def pod_namespace() -> str | None:
    """Return the namespace of the pod that this process runs in; `None` without a service account."""
    try:
        return read_bytes(FOLDER / "namespace").decode("ascii").strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def authorities() -> bytes:
    """Return the authorities for verifying the API server's certificate, or raise a `ClusterError`."""
    from kaito.cluster.auth.certificates import CertificateError, server_context

    path = FOLDER / "ca.crt"
    try:
        pem = read_bytes(path)
        server_context(pem)
    except OSError as exc:
        raise _unusable(path, exc.strerror) from None
    except CertificateError as exc:
        raise _unusable(path, str(exc)) from None
    return pem


def _unusable(path: Path, reason: str | None) -> ClusterError:
    return ClusterError(f"This pod has no usable service account: {path}: {reason}")


def api_server(environ: Mapping[str, str]) -> URL:
    """Return the URL of the API server, or raise a `ClusterError` if the pod's service account is incomplete.

    https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/#directly-accessing-the-rest-api
    """
    from yarl import URL

    host, port = environ["KUBERNETES_SERVICE_HOST"], environ["KUBERNETES_SERVICE_PORT"]
    for path in (FOLDER / "token", FOLDER / "ca.crt"):
        try:
            reason = None if read_bytes(path).strip() else "it is empty"
        except OSError as exc:
            reason = exc.strerror
        if reason:
            raise _unusable(path, reason)
    try:
        return URL(f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}")
    except ValueError:
        raise ClusterError(
            f"KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not valid: {host} {port}"
        ) from None
