"""The types of a kubeconfig's entries. They are those of kubectl's own decoder, which rejects the same files.

https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from kaito.errors import UsageError
from kaito.util.limits import SHOWN_NAME
from kaito.util.sanitize import one_line


class Data(bytes):
    """Bytes that are base64 in the file."""

    __slots__ = ()


def decode_data(type: type, value: Any) -> Any:
    """Decode a field of type :class:`Data`: a `dec_hook` of msgspec.

    Raises:
        ValueError: it is not base64.
    """
    if type is not Data:
        raise NotImplementedError
    if not isinstance(value, str):
        raise ValueError(f"Expected `str`, got `{value.__class__.__name__}`")
    try:
        # Go's decoder skips only line ends.
        return Data(base64.b64decode(value.replace("\r", "").replace("\n", ""), validate=True))
    except ValueError:
        raise ValueError("It is not base64") from None


class Extension(Struct, frozen=True, kw_only=True):
    """Data for other programs, such as exec plugins."""

    name: str = ""
    extension: Any = None


class Cluster(Struct, frozen=True, kw_only=True, rename="kebab"):
    """An API server, and how to verify it."""

    server: str = ""
    certificate_authority: str = ""
    certificate_authority_data: Data = Data()
    insecure_skip_tls_verify: bool = False
    tls_server_name: str = ""
    proxy_url: str = ""
    disable_compression: bool = False
    extensions: list[Extension | None] = []


class EnvironmentVariable(Struct, frozen=True, kw_only=True):
    """A variable that an exec plugin is started with."""

    name: str = ""
    value: str = ""

    __repr__ = object.__repr__


class ExecConfig(Struct, frozen=True, kw_only=True, rename="camel"):
    """A program that prints credentials."""

    command: str = ""
    api_version: str = ""
    #: As in all lists of a kubeconfig, `null` is the empty value.
    args: list[str | None] = []
    env: list[EnvironmentVariable | None] = []
    install_hint: str = ""
    interactive_mode: str = ""
    provide_cluster_info: bool = False

    __repr__ = object.__repr__


class AuthProvider(Struct, frozen=True, kw_only=True):
    """A login that the client renews itself, such as `oidc`."""

    name: str = ""
    config: dict[str, str] = {}

    __repr__ = object.__repr__


class User(Struct, frozen=True, kw_only=True, rename="kebab"):
    """Credentials, or where to get them."""

    token: str = ""
    token_file: str = msgspec.field(default="", name="tokenFile")
    username: str = ""
    password: str = ""
    client_certificate: str = ""
    client_certificate_data: Data = Data()
    client_key: str = ""
    client_key_data: Data = Data()
    exec: ExecConfig | None = None
    auth_provider: AuthProvider | None = None
    impersonate: str = msgspec.field(default="", name="as")
    impersonate_uid: str = msgspec.field(default="", name="as-uid")
    impersonate_groups: list[str | None] = msgspec.field(default_factory=list, name="as-groups")
    impersonate_extra: dict[str, list[str | None]] = msgspec.field(default_factory=dict, name="as-user-extra")

    # Secrets must not appear in a traceback.
    __repr__ = object.__repr__


class ContextEntry(Struct, frozen=True, kw_only=True):
    """A context, as the file defines it."""

    cluster: str = ""
    user: str = ""
    namespace: str = ""


class NamedCluster(Struct, frozen=True, kw_only=True):
    """A cluster and its name."""

    name: str = ""
    cluster: Cluster = Cluster()


class NamedUser(Struct, frozen=True, kw_only=True):
    """A user and its name."""

    name: str = ""
    user: User = User()


class NamedContext(Struct, frozen=True, kw_only=True):
    """A context and its name."""

    name: str = ""
    context: ContextEntry = ContextEntry()


class Preferences(Struct, frozen=True, kw_only=True):
    """kubectl's own settings, which are only checked."""

    colors: bool = False
    extensions: list[Extension | None] = []


class KubeconfigFile(Struct, frozen=True, kw_only=True, rename="kebab"):
    """A whole file."""

    kind: str = msgspec.field(default="", name="kind")
    api_version: str = msgspec.field(default="", name="apiVersion")
    current_context: str = ""
    preferences: Preferences = Preferences()
    clusters: list[NamedCluster | None] = []
    users: list[NamedUser | None] = []
    contexts: list[NamedContext | None] = []


class Place(Struct, frozen=True, kw_only=True):
    """Where an entry is defined."""

    file: str
    #: `cluster` or `user`.
    kind: str
    name: str

    @property
    def folder(self) -> Path:
        """The folder to which relative paths in the entry refer."""
        return Path(self.file).absolute().parent

    def invalid(self, field: str, reason: str, *hints: str) -> UsageError:
        """Return the error for a field of this entry. The reason must not quote what may be secret."""
        return invalid_file(self.file, f"{entry_name(self.kind, self.name)}: {field}: {reason}", *hints)


def invalid_file(file: str, reason: str, *hints: str) -> UsageError:
    """Return the error for a kubeconfig."""
    return UsageError(f"The kubeconfig {file} is not valid: {reason}", *hints)


def entry_name(kind: str, name: str) -> str:
    """Return an entry's name for a message, such as `user 'dev'`."""
    name = one_line(name)
    return f"{kind} '{name if len(name) <= SHOWN_NAME else name[:SHOWN_NAME] + '…'}'"
