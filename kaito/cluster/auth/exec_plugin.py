"""Credentials from a program, as kubelogin, aws and gke-gcloud-auth-plugin give them.

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

from kaito.cluster.auth.certificates import material
from kaito.cluster.auth.kubeconfig import Context
from kaito.errors import ForbiddenError, UsageError
from kaito.types import Reporter

# What is about to expire is renewed before it is used.
_MARGIN = timedelta(minutes=1)
#: Seconds that a program is given to end.
_FAREWELL = 0.5
_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")


class Credential(Struct, frozen=True, kw_only=True):
    """What the program gave."""

    token: str | None = None
    certificate: bytes | None = None
    key: bytes | None = None
    expires: datetime | None = None

    __repr__ = object.__repr__

    @property
    def expired(self) -> bool:
        """Whether it is, or is about to be, of no use."""
        return self.expires is not None and datetime.now(UTC) + _MARGIN >= self.expires


async def run_plugin(context: Context, environ: Mapping[str, str], reporter: Reporter) -> Credential:
    """Run the program that the kubeconfig's user names; what it says to a person goes to stderr as it comes.

    Raises:
        UsageError: the kubeconfig's entry is not valid.
        ForbiddenError: the program is not there, failed, or gave no credentials.
    """
    plugin: Mapping[str, Any] = context.user["exec"]
    command, version = plugin.get("command"), plugin.get("apiVersion")
    if not command or version not in _VERSIONS:
        wrong = "has no command" if not command else f"has the apiVersion '{version}', which is none of v1 and v1beta1"
        raise UsageError(f"The kubeconfig's exec entry of user '{context.user_name}' {wrong}")
    # A login prompt of the program must not be overwritten.
    reporter.status("")
    interactive = _interactive(plugin, command)
    try:
        process = await asyncio.create_subprocess_exec(
            _located(command, context.user_folder),
            *(str(argument) for argument in plugin.get("args") or ()),
            env=_environment(plugin, version, interactive, context, environ),
            stdin=None if interactive else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=None,
            # A program that asks something belongs to the terminal's foreground.
            start_new_session=not interactive,
        )
    except OSError as exc:
        hint = str(plugin.get("installHint") or "").strip()
        told = f"The credential plugin '{command}' cannot be run: {exc.strerror}"
        raise ForbiddenError(told, *(hint or "Is it installed and on the PATH?").splitlines()) from None
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            await _end(process, whole_group=not interactive)
    if process.returncode:
        raise ForbiddenError(
            f"The credential plugin '{command}' failed (exit code {process.returncode})",
            "What it said stands above; 'kubectl get namespaces' runs it, too",
        )
    return _credential(output, command, version)


async def _end(process: asyncio.subprocess.Process, *, whole_group: bool) -> None:
    """End a program that is not waited for any longer, and what it has started."""
    for number in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
        with suppress(ProcessLookupError, PermissionError):
            if whole_group and hasattr(os, "killpg"):
                os.killpg(process.pid, number)
            else:
                process.send_signal(number)
        with suppress(TimeoutError):
            async with asyncio.timeout(_FAREWELL):
                await process.wait()
                return


def _interactive(plugin: Mapping[str, Any], command: str) -> bool:
    mode = plugin.get("interactiveMode") or "IfAvailable"
    terminal = sys.stdin is not None and not sys.stdin.closed and sys.stdin.isatty()
    if mode == "Always" and not terminal:
        raise ForbiddenError(
            f"The credential plugin '{command}' wants to ask something, and stdin is no terminal",
            "Log in at a terminal first",
        )
    return terminal and mode != "Never"


def _located(command: str, folder: Path) -> str:
    """A path is meant from the kubeconfig's folder, a bare name is looked up."""
    has_folder = os.sep in command or (os.altsep is not None and os.altsep in command)
    return str(folder / command) if has_folder else command


def _environment(
    plugin: Mapping[str, Any], version: str, interactive: bool, context: Context, environ: Mapping[str, str]
) -> dict[str, str]:
    spec: dict[str, Any] = {"interactive": interactive}
    if plugin.get("provideClusterInfo"):
        cluster = context.cluster
        authorities = material(cluster, "certificate-authority", context.cluster_folder)
        known = {
            "server": cluster.get("server"),
            "tls-server-name": cluster.get("tls-server-name"),
            "insecure-skip-tls-verify": cluster.get("insecure-skip-tls-verify"),
            "certificate-authority-data": base64.b64encode(authorities).decode() if authorities else None,
            "proxy-url": cluster.get("proxy-url"),
        }
        spec["cluster"] = {name: value for name, value in known.items() if value}
        for extension in cluster.get("extensions") or ():
            if extension.get("name") == "client.authentication.k8s.io/exec":
                spec["cluster"]["config"] = extension.get("extension")
    info = {"apiVersion": version, "kind": "ExecCredential", "spec": spec}
    added = {str(item["name"]): str(item["value"]) for item in plugin.get("env") or ()}
    # The key for the model's server is nobody else's.
    inherited = {name: value for name, value in environ.items() if name != "KAITO_API_KEY"}
    return {**inherited, **added, "KUBERNETES_EXEC_INFO": json.dumps(info)}


def _credential(output: bytes, command: str, version: str) -> Credential:
    """Read what the program printed. It is a secret: no message quotes it."""

    def useless(why: str) -> ForbiddenError:
        return ForbiddenError(f"The credential plugin '{command}' gave no credentials: {why}")

    try:
        answer = json.loads(output)
    except ValueError:
        raise useless("its output is not JSON") from None
    if not isinstance(answer, dict) or answer.get("kind") != "ExecCredential":
        raise useless("its output is no ExecCredential")
    if answer.get("apiVersion") != version:
        raise useless(f"it speaks {answer.get('apiVersion')}, the kubeconfig asks for {version}")
    status = answer.get("status")
    status = status if isinstance(status, dict) else {}
    token, certificate, key = (status.get(name) for name in ("token", "clientCertificateData", "clientKeyData"))
    if bool(certificate) != bool(key):
        raise useless("a certificate and its key belong together")
    if not token and not certificate:
        raise useless("there is neither a token nor a certificate in it")
    expires = None
    if stamp := status.get("expirationTimestamp"):
        try:
            expires = datetime.fromisoformat(str(stamp))
        except ValueError:
            raise useless("its expirationTimestamp is no time") from None
        expires = expires if expires.tzinfo else expires.replace(tzinfo=UTC)
    return Credential(
        token=token,
        certificate=certificate.encode() if certificate else None,
        key=key.encode() if key else None,
        expires=expires,
    )
