"""Runs a kubeconfig's exec plugin, such as kubelogin, aws or gke-gcloud-auth-plugin, and reads its credentials.

The protocol: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from msgspec import Struct

from kaito.cluster.auth.certificates import read_pem
from kaito.cluster.auth.kubeconfig import Cluster, Context, ExecConfig
from kaito.errors import ForbiddenError, UsageError
from kaito.types import Reporter

# Credentials that expire sooner are renewed before they are used.
_MARGIN = timedelta(minutes=1)
#: Seconds that a program gets to exit after a signal.
_EXIT_TIMEOUT = 0.5
_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")


class ExecCredential(Struct, frozen=True, kw_only=True):
    """The credentials that a plugin printed."""

    token: str | None = None
    #: PEM.
    certificate: bytes | None = None
    key: bytes | None = None
    expires: datetime | None = None

    # Keeps secrets out of tracebacks.
    __repr__ = object.__repr__

    @property
    def expired(self) -> bool:
        return self.expires is not None and datetime.now(UTC) + _MARGIN >= self.expires


async def run_plugin(context: Context, environ: Mapping[str, str], reporter: Reporter) -> ExecCredential:
    """Run the program that the kubeconfig's user names. Its stderr is the terminal's.

    Raises:
        UsageError: the kubeconfig's entry is not valid.
        ForbiddenError: the program cannot be run, failed, or printed no credentials.
    """
    plugin = context.user.exec or ExecConfig()
    command, version = plugin.command, plugin.api_version
    if not command:
        raise UsageError(f"The kubeconfig's exec entry of user '{context.user_name}' has no command")
    if version not in _VERSIONS:
        raise UsageError(
            f"The kubeconfig's exec entry of user '{context.user_name}' has apiVersion '{version or ''}'",
            f"Supported: {', '.join(_VERSIONS)}",
        )
    # Nothing may overwrite the plugin's prompt.
    reporter.status("")
    interactive = _interactive(plugin, command)
    try:
        process = await asyncio.create_subprocess_exec(
            _program(command, context.user_folder),
            *(plugin.args or ()),
            env=_environment(plugin, version, interactive, context, environ),
            stdin=None if interactive else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=None,
            # A program that prompts has to be in the terminal's foreground process group.
            start_new_session=not interactive,
        )
    except OSError as exc:
        hint = (plugin.install_hint or "").strip() or "Is it installed and on the PATH?"
        raise ForbiddenError(
            f"The credential plugin '{command}' cannot be run: {exc.strerror}", *hint.splitlines()
        ) from None
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            await _stop(process, whole_group=not interactive)
    if process.returncode:
        raise ForbiddenError(
            f"The credential plugin '{command}' failed (exit code {process.returncode})",
            "Its output is above. To run it again: kubectl get namespaces",
        )
    return _parse(output, command, version)


async def _stop(process: asyncio.subprocess.Process, *, whole_group: bool) -> None:
    """Terminate a program and the processes that it started."""
    for number in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
        with suppress(ProcessLookupError, PermissionError):
            if whole_group and hasattr(os, "killpg"):
                os.killpg(process.pid, number)
            else:
                process.send_signal(number)
        with suppress(TimeoutError):
            async with asyncio.timeout(_EXIT_TIMEOUT):
                await process.wait()
                return


def _interactive(plugin: ExecConfig, command: str) -> bool:
    """Return whether the plugin may prompt, or raise if it has to and cannot."""
    mode = plugin.interactive_mode or "IfAvailable"
    terminal = sys.stdin is not None and not sys.stdin.closed and sys.stdin.isatty()
    if mode == "Always" and not terminal:
        raise ForbiddenError(
            f"The credential plugin '{command}' needs to prompt, and stdin is not a terminal",
            "Log in at a terminal first",
        )
    return terminal and mode != "Never"


def _program(command: str, folder: Path) -> str:
    """Return what to run: a relative path starts at the kubeconfig's folder, a bare name is looked up on the PATH."""
    has_folder = os.sep in command or (os.altsep is not None and os.altsep in command)
    return str(folder / command) if has_folder else command


def _environment(
    plugin: ExecConfig, version: str, interactive: bool, context: Context, environ: Mapping[str, str]
) -> dict[str, str]:
    spec: dict[str, Any] = {"interactive": interactive}
    if plugin.provide_cluster_info:
        spec["cluster"] = _cluster_info(context.cluster, context.cluster_folder)
    info = {"apiVersion": version, "kind": "ExecCredential", "spec": spec}
    added = {variable.name: variable.value for variable in plugin.env or ()}
    # The API key for the model's server is not the plugin's business.
    inherited = {name: value for name, value in environ.items() if name != "KAITO_API_KEY"}
    return {**inherited, **added, "KUBERNETES_EXEC_INFO": json.dumps(info)}


def _cluster_info(cluster: Cluster, folder: Path) -> dict[str, Any]:
    authorities = read_pem(
        "certificate-authority", cluster.certificate_authority_data, cluster.certificate_authority, folder
    )
    info = {
        "server": cluster.server,
        "tls-server-name": cluster.tls_server_name,
        "insecure-skip-tls-verify": cluster.insecure_skip_tls_verify,
        "certificate-authority-data": base64.b64encode(authorities).decode() if authorities else None,
        "proxy-url": cluster.proxy_url,
    }
    for extension in cluster.extensions or ():
        if extension.name == "client.authentication.k8s.io/exec":
            info["config"] = extension.extension
    return {name: value for name, value in info.items() if value}


def _parse(output: bytes, command: str, version: str) -> ExecCredential:
    """Read the credentials that a plugin printed. They are secret: no message quotes them."""

    def invalid(reason: str) -> ForbiddenError:
        return ForbiddenError(f"The credential plugin '{command}' printed no valid credentials: {reason}")

    try:
        document = json.loads(output)
    except ValueError:
        raise invalid("the output is not JSON") from None
    if not isinstance(document, dict) or document.get("kind") != "ExecCredential":
        raise invalid("the output is not an ExecCredential")
    if document.get("apiVersion") != version:
        raise invalid(f"its apiVersion is {document.get('apiVersion')}, the kubeconfig requires {version}")
    status = document.get("status")
    status = status if isinstance(status, dict) else {}
    token, certificate, key = (status.get(name) for name in ("token", "clientCertificateData", "clientKeyData"))
    if bool(certificate) != bool(key):
        raise invalid("it has only one of clientCertificateData and clientKeyData")
    if not token and not certificate:
        raise invalid("it has neither a token nor a certificate")
    expires = None
    if timestamp := status.get("expirationTimestamp"):
        try:
            expires = datetime.fromisoformat(str(timestamp))
        except ValueError:
            raise invalid("its expirationTimestamp is not a time") from None
        expires = expires if expires.tzinfo else expires.replace(tzinfo=UTC)
    return ExecCredential(
        token=token,
        certificate=certificate.encode() if certificate else None,
        key=key.encode() if key else None,
        expires=expires,
    )
