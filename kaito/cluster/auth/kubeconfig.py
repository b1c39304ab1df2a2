"""Kubeconfig files: found, read and merged with kubectl's precedence, and decoded into types."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import msgspec
import yaml
from msgspec import Struct

from kaito.errors import UsageError

T = TypeVar("T")

# The types are those of `kubectl`'s own decoder, which rejects the same files.
# https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/


class Extension(Struct, frozen=True, kw_only=True):
    """Data for other programs, such as exec plugins."""

    name: str = ""
    extension: Any = None


class Cluster(Struct, frozen=True, kw_only=True, rename="kebab"):
    """An API server, and how to verify it."""

    server: str | None = None
    certificate_authority: str | None = None
    certificate_authority_data: str | None = None
    insecure_skip_tls_verify: bool | None = None
    tls_server_name: str | None = None
    proxy_url: str | None = None
    extensions: list[Extension] | None = None


class EnvironmentVariable(Struct, frozen=True, kw_only=True):
    """A variable that an exec plugin is started with."""

    name: str = ""
    value: str = ""


class ExecConfig(Struct, frozen=True, kw_only=True, rename="camel"):
    """A program that prints credentials."""

    command: str | None = None
    api_version: str | None = None
    args: list[str] | None = None
    env: list[EnvironmentVariable] | None = None
    install_hint: str | None = None
    interactive_mode: str | None = None
    provide_cluster_info: bool | None = None


class AuthProvider(Struct, frozen=True, kw_only=True):
    """A login that the client renews itself, such as `oidc`."""

    name: str | None = None
    config: dict[str, Any] | None = None


class User(Struct, frozen=True, kw_only=True, rename="kebab"):
    """Credentials, or where to get them."""

    token: str | None = None
    token_file: str | None = msgspec.field(default=None, name="tokenFile")
    username: str | None = None
    password: str | None = None
    client_certificate: str | None = None
    client_certificate_data: str | None = None
    client_key: str | None = None
    client_key_data: str | None = None
    exec: ExecConfig | None = None
    auth_provider: AuthProvider | None = None
    impersonate: str | None = msgspec.field(default=None, name="as")
    impersonate_uid: str | None = msgspec.field(default=None, name="as-uid")
    impersonate_groups: list[str] | None = msgspec.field(default=None, name="as-groups")
    impersonate_extra: dict[str, list[str]] | None = msgspec.field(default=None, name="as-user-extra")

    # Keeps secrets out of tracebacks.
    __repr__ = object.__repr__


class _ContextEntry(Struct, frozen=True, kw_only=True):
    cluster: str | None = None
    user: str | None = None
    namespace: str | None = None


class _NamedCluster(Struct, frozen=True, kw_only=True):
    name: str
    cluster: Cluster | None = None


class _NamedUser(Struct, frozen=True, kw_only=True):
    name: str
    user: User | None = None


class _NamedContext(Struct, frozen=True, kw_only=True):
    name: str
    context: _ContextEntry | None = None


class _File(Struct, frozen=True, kw_only=True, rename="kebab"):
    current_context: str | None = None
    clusters: list[_NamedCluster] | None = None
    users: list[_NamedUser] | None = None
    contexts: list[_NamedContext] | None = None


class _Merged(Struct, kw_only=True):
    """The entries of all files by name, clusters and users with the file that defines them."""

    current_context: str | None = None
    clusters: dict[str, tuple[str, Cluster]] = {}
    users: dict[str, tuple[str, User]] = {}
    contexts: dict[str, tuple[str, _ContextEntry]] = {}


class Context(Struct, frozen=True, kw_only=True):
    """A context of a kubeconfig with the cluster and the user that it names."""

    name: str
    namespace: str | None
    #: Relative paths in an entry start at the folder of its file.
    cluster: Cluster
    cluster_folder: Path
    user: User
    user_folder: Path
    #: The file that defines the user, and the user's name in it.
    user_file: Path
    user_name: str

    __repr__ = object.__repr__


def context_names(explicit: str | None, environ: Mapping[str, str]) -> list[str]:
    """Return the names of all contexts, sorted."""
    return sorted(_merge(_files(explicit, environ)).contexts)


def context_namespaces(explicit: str | None, environ: Mapping[str, str]) -> list[str]:
    """Return the namespaces that contexts name, sorted."""
    contexts = _merge(_files(explicit, environ)).contexts.values()
    return sorted({context.namespace for _, context in contexts if context.namespace})


def load_context(explicit: str | None, name: str | None, environ: Mapping[str, str]) -> Context | None:
    """Return the context to use; `None` when there is no kubeconfig.

    `--kubeconfig` names the only file. Without it the files of `KUBECONFIG` are merged, and the first that defines a
    value wins; without that `~/.kube/config` is read.
    https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/

    Args:
        explicit: `--kubeconfig`.
        name: `--context`; `None` for the current one.

    Raises:
        UsageError: a file is not valid, or the context does not exist.
    """
    files = _files(explicit, environ)
    if not files:
        return None
    config = _merge(files)
    names = ", ".join(sorted(config.contexts)) or "none"
    selected = name or config.current_context
    if not selected:
        raise UsageError("The kubeconfig has no current context", f"Select one with --context. Contexts: {names}")
    if selected not in config.contexts:
        source = "--context" if name else "The kubeconfig's current context"
        raise UsageError(f"{source}: Context '{selected}' not found", f"Contexts: {names}")
    _, context = config.contexts[selected]
    cluster_file, cluster = config.clusters.get(context.cluster or "", ("", Cluster()))
    if not cluster.server:
        raise UsageError(
            f"Context '{selected}' of the kubeconfig uses cluster '{context.cluster or ''}', which has no server"
        )
    # Like kubectl, connect without credentials when the user is not defined.
    user_file, user = config.users.get(context.user or "", (cluster_file, User()))
    return Context(
        name=selected,
        namespace=context.namespace or None,
        cluster=cluster,
        cluster_folder=Path(cluster_file).absolute().parent,
        user=user,
        user_folder=Path(user_file).absolute().parent,
        user_file=Path(user_file),
        user_name=context.user or "",
    )


def search_path(explicit: str | None, environ: Mapping[str, str]) -> str:
    """Return the path, or the list of paths, that a kubeconfig is read from."""
    return explicit or environ.get("KUBECONFIG") or str(Path("~/.kube/config"))


def _files(explicit: str | None, environ: Mapping[str, str]) -> list[str]:
    if explicit:
        return [explicit]
    if paths := environ.get("KUBECONFIG"):
        return [path for path in paths.split(os.pathsep) if path and os.path.exists(path)]
    default = os.path.expanduser("~/.kube/config")
    return [default] if os.path.exists(default) else []


def _merge(paths: list[str]) -> _Merged:
    merged = _Merged()
    for path in paths:
        file = _read(path)
        merged.current_context = merged.current_context or file.current_context
        clusters = [(entry.name, entry.cluster or Cluster()) for entry in file.clusters or ()]
        users = [(entry.name, entry.user or User()) for entry in file.users or ()]
        contexts = [(entry.name, entry.context or _ContextEntry()) for entry in file.contexts or ()]
        _add(merged.clusters, clusters, path, "clusters")
        _add(merged.users, users, path, "users")
        _add(merged.contexts, contexts, path, "contexts")
    return merged


def _add(merged: dict[str, tuple[str, T]], entries: list[tuple[str, T]], path: str, section: str) -> None:
    """Add the entries that no earlier file defines."""
    names = [name for name, _ in entries]
    for name, entry in entries:
        if names.count(name) > 1:
            raise UsageError(f"The kubeconfig {path} is not valid: '{name}' appears twice in {section}")
        merged.setdefault(name, (path, entry))


# libyaml's parser is ten times as fast: a large file takes milliseconds instead of a tenth of a second.
class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Reads dates as strings, as kubectl does: no field of a kubeconfig is a date."""

    yaml_implicit_resolvers: ClassVar = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def load_yaml(path: str | Path) -> Any:
    """Return the content of a YAML file."""
    with open(path, encoding="utf-8") as file:
        return yaml.load(file, Loader=_Loader)


def _read(path: str) -> _File:
    try:
        content = load_yaml(path)
        return msgspec.convert({} if content is None else content, _File)
    except OSError as exc:
        raise UsageError(f"The kubeconfig {path} cannot be read: {exc.strerror}") from None
    # The message must not quote the file, which may hold secrets.
    except (yaml.YAMLError, UnicodeDecodeError) as exc:
        mark = getattr(exc, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark else ""
        raise UsageError(f"The kubeconfig {path} is not valid YAML{line}") from None
    except msgspec.ValidationError as exc:
        raise UsageError(f"The kubeconfig {path} is not valid: {exc}") from None
