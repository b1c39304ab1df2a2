"""Checks the cluster and the user that are used, as kubectl does before it connects."""

from __future__ import annotations

from yarl import URL

from kaito.cluster.auth.kubeconfig_types import Cluster, EnvironmentVariable, ExecConfig, Place, User

#: The versions of the protocol of exec plugins.
EXEC_V1 = "client.authentication.k8s.io/v1"
EXEC_VERSIONS = (EXEC_V1, "client.authentication.k8s.io/v1beta1")
_MODES = ("Never", "IfAvailable", "Always")


def check_cluster(cluster: Cluster, place: Place) -> None:
    """Check a cluster.

    Raises:
        UsageError: it is not valid.
    """
    if not _is_http_url(cluster.server):
        raise place.invalid("server", "it is not an http or https URL")
    if cluster.certificate_authority and cluster.certificate_authority_data:
        raise place.invalid("certificate-authority", "it is given beside certificate-authority-data")
    if cluster.insecure_skip_tls_verify and (cluster.certificate_authority or cluster.certificate_authority_data):
        raise place.invalid("insecure-skip-tls-verify", "it is given beside a certificate authority")


def check_user(user: User, place: Place) -> None:
    """Check a user.

    Raises:
        UsageError: it is not valid.
    """
    if (user.token or user.token_file) and (user.username or user.password):
        field = "token" if user.token else "tokenFile"
        raise place.invalid(field, "it is given beside a user name or password")
    if user.client_certificate or user.client_certificate_data:
        if user.client_certificate and user.client_certificate_data:
            raise place.invalid("client-certificate", "it is given beside client-certificate-data")
        if user.client_key and user.client_key_data:
            raise place.invalid("client-key", "it is given beside client-key-data")
        if not user.client_key and not user.client_key_data:
            raise place.invalid("client-key", "it is missing, and there is a client-certificate")
    if user.exec is not None:
        if user.auth_provider is not None:
            raise place.invalid("exec", "it is given beside an auth-provider")
        _check_exec(user.exec, place)
    if user.auth_provider is not None and user.auth_provider.name != "oidc":
        raise place.invalid(
            "auth-provider",
            f"'{user.auth_provider.name}' is not supported, nor is it by kubectl",
            "Use your cloud provider's command-line tool to write the kubeconfig again",
        )
    if user.auth_provider is not None:
        for name in ("idp-issuer-url", "client-id"):
            if not user.auth_provider.config.get(name):
                raise place.invalid(f"auth-provider.config.{name}", "it is missing")
    _check_impersonation(user, place)


def _check_exec(plugin: ExecConfig, place: Place) -> None:
    if not plugin.command:
        raise place.invalid("exec.command", "it is missing")
    if plugin.api_version not in EXEC_VERSIONS:
        problem = f"'{plugin.api_version}' is not supported" if plugin.api_version else "it is missing"
        raise place.invalid("exec.apiVersion", problem, f"Supported: {', '.join(EXEC_VERSIONS)}")
    if plugin.interactive_mode not in (*_MODES, *([""] if plugin.api_version != EXEC_V1 else [])):
        raise place.invalid("exec.interactiveMode", f"it is not one of {', '.join(_MODES)}")
    for number, variable in enumerate(plugin.env):
        name, value = (variable or EnvironmentVariable()).name, (variable or EnvironmentVariable()).value
        if not name or "\0" in name or "\0" in value:
            raise place.invalid(f"exec.env[{number}]", "it has no name" if not name else "it contains a NUL")
    if "\0" in plugin.command:
        raise place.invalid("exec.command", "it contains a NUL")
    for number, argument in enumerate(plugin.args):
        if argument and "\0" in argument:
            raise place.invalid(f"exec.args[{number}]", "it contains a NUL")


def _check_impersonation(user: User, place: Place) -> None:
    others: dict[str, list[str | None]] = {
        "as-uid": [user.impersonate_uid],
        "as-groups": user.impersonate_groups,
        "as-user-extra": [value for values in user.impersonate_extra.values() for value in values],
    }
    if not user.impersonate:
        for field, values in others.items():
            if values and values != [""]:
                raise place.invalid(field, "it is given without 'as'")
    others["as"] = [user.impersonate]
    for field, values in others.items():
        if not all(is_header_value(value or "") for value in values):
            raise place.invalid(field, "it contains a control character, or a blank at an end")


def is_header_value(value: str) -> bool:
    """Return whether an HTTP header may have this value (RFC 9110, 5.5)."""
    return value == value.strip(" \t") and not any(
        (character < " " and character != "\t") or character == "\x7f" for character in value
    )


def _is_http_url(text: str) -> bool:
    if any(character <= " " or character == "\x7f" for character in text):
        return False
    try:
        url = URL(text)
        return url.scheme in ("https", "http") and bool(url.host and url.port)
    except ValueError:
        return False
