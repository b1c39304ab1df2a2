"""Runs a kubeconfig's exec plugin, such as kubelogin, aws or gke-gcloud-auth-plugin, and reads its credentials.

The protocol: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
"""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta, Struct

from kaito.cluster.auth.certificates import CertificateError, check_client_certificate
from kaito.cluster.auth.credential_values import bearer, read_pem
from kaito.cluster.auth.kubeconfig import Context
from kaito.cluster.auth.kubeconfig_types import EnvironmentVariable, ExecConfig
from kaito.errors import ForbiddenError
from kaito.types import Reporter
from kaito.util.children import child_environment, failure_of, read_output
from kaito.util.decoding import DecodeError, decode_json
from kaito.util.limits import EXEC_OUTPUT, shown_size

# Credentials that expire sooner are renewed before they are used.
_MARGIN = timedelta(minutes=1)


class ExecCredential(Struct, frozen=True, kw_only=True):
    """The credentials that a plugin printed."""

    token: str | None = None
    #: PEM.
    certificate: bytes | None = None
    key: bytes | None = None
    expires: datetime | None = None

    # Secrets must not appear in a traceback.
    __repr__ = object.__repr__

    @property
    def expired(self) -> bool:
        return self.expires is not None and datetime.now(UTC) + _MARGIN >= self.expires


class _Status(Struct, frozen=True, kw_only=True, rename="camel"):
    token: str = ""
    client_certificate_data: str = ""
    client_key_data: str = ""
    expiration_timestamp: Annotated[datetime, Meta(tz=True)] | None = None

    __repr__ = object.__repr__


class _Printed(Struct, frozen=True, kw_only=True, rename="camel"):
    """The output of a plugin."""

    kind: str = ""
    api_version: str = ""
    status: _Status | None = None


class _TooLongError(Exception):
    pass


async def run_plugin(context: Context, environ: Mapping[str, str], reporter: Reporter) -> ExecCredential:
    """Run the program that the kubeconfig's user names. Its stderr goes to the terminal.

    Raises:
        ForbiddenError: the program cannot be run, failed, or printed no credentials.
    """
    plugin = context.user.exec or ExecConfig()
    command = plugin.command
    # The status line must not overwrite the plugin's prompt.
    reporter.status("")
    interactive = _interactive(plugin, command)
    output = bytearray()

    def receive(data: bytes) -> None:
        output.extend(data)
        if len(output) > EXEC_OUTPUT:
            raise _TooLongError

    try:
        code = await read_output(
            [_program(command, context.user_place.folder), *(argument or "" for argument in plugin.args)],
            _environment(plugin, interactive, context, environ),
            receive,
            interactive=interactive,
            stderr=None,
        )
    except (OSError, ValueError) as exc:
        hint = plugin.install_hint.strip() or "Is it installed and on the PATH?"
        reason = getattr(exc, "strerror", None) or "its arguments or variables are not valid"
        raise ForbiddenError(f"The credential plugin '{command}' cannot be run: {reason}", *hint.splitlines()) from None
    except _TooLongError:
        raise _invalid(command, f"the output is longer than {shown_size(EXEC_OUTPUT)}") from None
    if code:
        raise ForbiddenError(
            f"The credential plugin '{command}' {failure_of(code)}",
            f"Its output is above. To run it again: kubectl get namespaces{context.flags}",
        )
    return _parse(bytes(output), command, plugin.api_version)


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
    """Return the program to run. A path is relative to the kubeconfig's folder, a bare name is found on the PATH."""
    has_folder = os.sep in command or (os.altsep is not None and os.altsep in command)
    return str(folder / command) if has_folder else command


def _environment(plugin: ExecConfig, interactive: bool, context: Context, environ: Mapping[str, str]) -> dict[str, str]:
    spec: dict[str, Any] = {"interactive": interactive}
    if plugin.provide_cluster_info:
        spec["cluster"] = _cluster_info(context)
    info = {"apiVersion": plugin.api_version, "kind": "ExecCredential", "spec": spec}
    added = {}
    for variable in plugin.env:
        entry = variable or EnvironmentVariable()
        # A name may contain `=`: the system reads the rest of the name as part of the value.
        name, _, value = f"{entry.name}={entry.value}".partition("=")
        added[name] = value
    return child_environment(environ, {**added, "KUBERNETES_EXEC_INFO": json.dumps(info)})


def _cluster_info(context: Context) -> dict[str, Any]:
    cluster = context.cluster
    authorities = read_pem(
        cluster.certificate_authority_data,
        cluster.certificate_authority,
        context.cluster_place,
        "certificate-authority",
    )
    info = {
        "server": cluster.server,
        "tls-server-name": cluster.tls_server_name,
        "insecure-skip-tls-verify": cluster.insecure_skip_tls_verify,
        "certificate-authority-data": base64.b64encode(authorities).decode() if authorities else None,
        "proxy-url": cluster.proxy_url,
        "disable-compression": cluster.disable_compression,
    }
    for extension in cluster.extensions:
        if extension is not None and extension.name == "client.authentication.k8s.io/exec":
            info["config"] = extension.extension
    return {name: value for name, value in info.items() if value}


def _invalid(command: str, reason: str) -> ForbiddenError:
    return ForbiddenError(f"The credential plugin '{command}' printed no valid credentials: {reason}")


def _parse(output: bytes, command: str, version: str) -> ExecCredential:
    """Read the credentials that a plugin printed. They are secret: no message quotes them."""
    try:
        printed = decode_json(output, _Printed)
    except DecodeError as exc:
        raise _invalid(command, f"{exc.field}: {exc.reason}" if exc.field else f"the output: {exc.reason}") from None
    if printed.kind != "ExecCredential":
        raise _invalid(command, "the output is not an ExecCredential")
    if printed.api_version != version:
        raise _invalid(command, f"its apiVersion is not {version}, as in the kubeconfig")
    status = printed.status or _Status()
    certificate, key = status.client_certificate_data.encode(), status.client_key_data.encode()
    if bool(certificate) != bool(key):
        raise _invalid(command, "it has only one of clientCertificateData and clientKeyData")
    if not status.token and not certificate:
        raise _invalid(command, "it has neither a token nor a certificate")
    try:
        bearer(status.token)
    except ValueError as exc:
        raise _invalid(command, f"status.token: {exc}") from None
    try:
        if certificate:
            check_client_certificate(certificate, key)
    except CertificateError as exc:
        raise _invalid(command, f"status.clientCertificateData: {exc}") from None
    return ExecCredential(
        token=status.token or None,
        certificate=certificate or None,
        key=key or None,
        expires=status.expiration_timestamp,
    )
