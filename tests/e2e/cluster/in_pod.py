"""Runs kaito as in a pod: with a pod's environment, the folder of its service account, and the cluster's DNS.

Run as a program, `python in_pod.py FOLDER SERVICE PORT ARGUMENTS…`, it is the process in the pod: FOLDER is the service
account's, and the Service's name resolves to PORT of 127.0.0.1, where the model's server listens.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from kaito.cli import main
from kaito.cluster.auth import service_account
from kaito.testing import child_environment

if TYPE_CHECKING:
    from tests.controlplane import ControlPlane


def run_in_pod(
    plane: ControlPlane,
    folder: Path,
    arguments: Sequence[str],
    *,
    namespace: str,
    account: str,
    service: str,
    port: int,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run kaito as a pod's container would, and return the finished process.

    Args:
        plane: the cluster.
        folder: an empty folder for the service account.
        arguments: the container's.
        namespace: the pod's.
        account: the name of its service account.
        service: the Service in that namespace whose name resolves.
        port: the port of 127.0.0.1 that it resolves to.
        env: the container's.
    """
    (folder / "token").write_text(plane.service_account_token(namespace, account))
    (folder / "namespace").write_text(namespace)
    (folder / "ca.crt").write_bytes(plane.authority_file.read_bytes())
    inside = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(plane.port), **(env or {})}
    return subprocess.run(
        [sys.executable, "-P", __file__, str(folder), f"{service}.{namespace}.svc", str(port), *arguments],
        env=child_environment(inside),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _run(folder: str, service: str, port: str, *arguments: str) -> int:
    system_getaddrinfo = socket.getaddrinfo

    def getaddrinfo(host: Any, service_port: Any, *more: Any, **options: Any) -> Any:
        """Resolve the Service's name; others are left to the system."""
        if isinstance(host, str) and host.startswith(f"{service}."):
            return system_getaddrinfo("127.0.0.1", int(port), *more, **options)
        return system_getaddrinfo(host, service_port, *more, **options)

    with (
        mock.patch.object(service_account, "FOLDER", Path(folder)),
        mock.patch.object(socket, "getaddrinfo", getaddrinfo),
        mock.patch.object(sys, "argv", ["kaito", *arguments]),
    ):
        return main()


if __name__ == "__main__":
    sys.exit(_run(*sys.argv[1:]))
