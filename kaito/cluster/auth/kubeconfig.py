"""Kubeconfig files: found, read and merged with kubectl's precedence, and decoded into types."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from msgspec import Struct

from kaito.cluster.auth.kubeconfig_checks import check_cluster, check_user
from kaito.cluster.auth.kubeconfig_types import (
    Cluster,
    ContextEntry,
    Extension,
    KubeconfigFile,
    NamedCluster,
    NamedContext,
    NamedUser,
    Place,
    User,
    decode_data,
    entry_name,
    invalid_file,
)
from kaito.errors import UsageError
from kaito.types.targets import cluster_flags
from kaito.util.decoding import DecodeError, convert
from kaito.util.user_files import read_bytes
from kaito.util.yaml_reader import YamlError, read_yaml

T = TypeVar("T")


class _Merged(Struct, kw_only=True):
    """The entries of all files by name. Clusters and users have the file that defines them."""

    current_context: str = ""
    clusters: dict[str, tuple[str, Cluster]] = {}
    users: dict[str, tuple[str, User]] = {}
    contexts: dict[str, tuple[str, ContextEntry]] = {}


class Context(Struct, frozen=True, kw_only=True):
    """A context of a kubeconfig with the cluster and the user that it names."""

    name: str
    namespace: str | None
    cluster: Cluster
    cluster_place: Place
    user: User
    user_place: Place
    #: The flags that select it, for commands to paste.
    flags: str = ""

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
    cluster_file, cluster = config.clusters.get(context.cluster, ("", Cluster()))
    if not cluster.server:
        raise UsageError(
            f"{entry_name('Context', selected)} of the kubeconfig uses {entry_name('cluster', context.cluster)}, "
            "which has no server"
        )
    # Like kubectl, connect without credentials when the user is not defined.
    user_file, user = config.users.get(context.user, (cluster_file, User()))
    cluster_place = Place(file=cluster_file, kind="cluster", name=context.cluster)
    user_place = Place(file=user_file, kind="user", name=context.user)
    check_cluster(cluster, cluster_place)
    check_user(user, user_place)
    return Context(
        name=selected,
        namespace=context.namespace or None,
        cluster=cluster,
        cluster_place=cluster_place,
        user=user,
        user_place=user_place,
        flags=cluster_flags(name, explicit),
    )


def search_path(explicit: str | None, environ: Mapping[str, str]) -> str:
    """Return the path or paths from which the kubeconfig is read."""
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
        clusters = [each or NamedCluster() for each in file.clusters]
        users = [each or NamedUser() for each in file.users]
        contexts = [each or NamedContext() for each in file.contexts]
        for each in clusters:
            _check_extensions(path, "cluster", each.name, each.cluster.extensions)
        _add(merged.clusters, [(each.name, each.cluster) for each in clusters], path, "clusters")
        _add(merged.users, [(each.name, each.user) for each in users], path, "users")
        _add(merged.contexts, [(each.name, each.context) for each in contexts], path, "contexts")
    return merged


def _add(merged: dict[str, tuple[str, T]], entries: Sequence[tuple[str, T]], path: str, section: str) -> None:
    """Add the entries that no earlier file has defined."""
    names = set()
    for name, entry in entries:
        if name in names:
            raise invalid_file(path, f"{entry_name('', name).lstrip()} appears twice in {section}")
        names.add(name)
        merged.setdefault(name, (path, entry))


def _check_extensions(path: str, kind: str, name: str, extensions: Sequence[Extension | None]) -> None:
    names = [extension.name if extension else "" for extension in extensions]
    if len({*names}) < len(names):
        raise invalid_file(path, f"{entry_name(kind, name)}: extensions: a name appears twice")


def _read(path: str) -> KubeconfigFile:
    # No message quotes the file, which may hold secrets.
    try:
        document = read_yaml(read_bytes(path))
    except OSError as exc:
        raise UsageError(f"The kubeconfig {path} cannot be read: {exc.strerror}") from None
    except YamlError as exc:
        raise UsageError(f"The kubeconfig {path} {exc}") from None
    try:
        file = convert({} if document is None else document, KubeconfigFile, custom=decode_data, keep_nulls=True)
    except DecodeError as exc:
        place = _place(document, exc.field)
        raise invalid_file(path, f"{place}: {exc.reason}" if place else exc.reason) from None
    if file.kind not in ("", "Config"):
        raise invalid_file(path, "kind: it is not Config")
    if file.api_version not in ("", "v1"):
        raise invalid_file(path, "apiVersion: it is not v1")
    return file


_ENTRY = re.compile(r"(cluster|user|context)s\[(\d+)\](?:\.\1(?![^.]))?\.?(.*)", re.DOTALL)


def _place(document: Any, field: str) -> str:
    """Return the place of a field, with the name of its entry if it has one: `user 'dev': token`."""
    if (match := _ENTRY.fullmatch(field)) is None:
        return field
    kind, index, rest = match.groups()
    entry = document[f"{kind}s"][int(index)]
    name = entry.get("name") if isinstance(entry, dict) else None
    if not isinstance(name, str):
        return field
    return f"{entry_name(kind, name)}: {rest}" if rest else entry_name(kind, name)
