"""Which kubeconfig, which context: kubectl's precedence, over the loader of the Kubernetes client."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from kubernetes.aio.config.config_exception import ConfigException
from kubernetes.aio.config.kube_config import ConfigNode
from msgspec import Struct

from kaito.errors import UsageError

# libyaml's reader is ten times as fast, which a file with a hundred clusters lets people feel.
_YAML: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
#: What of a user's entry has parts of its own.
_PARTS = ("exec", "auth-provider")
_LISTS = ("clusters", "contexts", "users")


class Context(Struct, frozen=True, kw_only=True):
    """One context of a kubeconfig, with the cluster and the user that it names."""

    name: str
    namespace: str | None
    #: The kubeconfig's own entries. Relative paths in them start at the folder of the file they stand in.
    cluster: Mapping[str, Any]
    cluster_folder: Path
    user: Mapping[str, Any]
    user_folder: Path
    #: The file that the user's entry stands in, and the entry's name there.
    user_file: Path
    user_name: str

    # No secret shows in a traceback.
    __repr__ = object.__repr__


def context_names(explicit: str | None, environ: Mapping[str, str]) -> list[str]:
    """Return the names of all contexts, sorted.

    Raises:
        UsageError: a file cannot be read.
    """
    config = _merged(_files(explicit, environ))
    return sorted(entry["name"] for entry in config["contexts"]) if config else []


def context_namespaces(explicit: str | None, environ: Mapping[str, str]) -> list[str]:
    """Return the namespaces that contexts name, sorted.

    Raises:
        UsageError: a file cannot be read.
    """
    config = _merged(_files(explicit, environ))
    contexts = [entry.value.get("context") for entry in config["contexts"]] if config else []
    named = (context.get("namespace") for context in contexts if isinstance(context, Mapping))
    return sorted({str(namespace) for namespace in named if namespace})


def load_context(explicit: str | None, name: str | None, environ: Mapping[str, str]) -> Context | None:
    """Return the context to use; `None` when there is no kubeconfig at all.

    The file that `--kubeconfig` names alone; else the files of `KUBECONFIG`, of which the first to say something is
    believed; else `~/.kube/config` (https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/).

    Args:
        explicit: `--kubeconfig`.
        name: `--context`; `None` for the current one.
        environ: the environment.

    Raises:
        UsageError: a file cannot be read, or there is no such context.
    """
    config = _merged(_files(explicit, environ))
    if config is None:
        return None
    names = ", ".join(sorted(str(entry["name"]) for entry in config["contexts"])) or "none"
    asked = name or config["current-context"]
    if not asked:
        raise UsageError("The kubeconfig has no current context", f"Choose one with --context: {names}")
    root = ConfigNode("kubeconfig", config)
    try:
        context = root["contexts"].get_with_name(asked, safe=True)
        if context is None:
            flag = "--context" if name else "The kubeconfig's current context"
            raise UsageError(f"{flag}: there is no context '{asked}'", f"There are: {names}")
        details = context.value.get("context") or {}
        cluster = root["clusters"].get_with_name(details.get("cluster"), safe=True)
        user = root["users"].get_with_name(details.get("user"), safe=True)
    except (ConfigException, AttributeError, TypeError):
        raise UsageError(f"The kubeconfig's context '{asked}' is not valid") from None
    server = (cluster.value.get("cluster") or {}) if cluster is not None else {}
    if not server.get("server"):
        raise UsageError(f"The kubeconfig's context '{asked}' names a cluster without a server")
    said = (user.value.get("user") or {}) if user is not None else {}
    if not isinstance(said, dict) or any(not isinstance(said.get(part) or {}, dict) for part in _PARTS):
        raise UsageError(f"The kubeconfig's user '{details.get('user')}' is not valid")
    user_file = Path(user.path if user is not None else cluster.path)
    return Context(
        name=asked,
        namespace=details.get("namespace") or None,
        cluster=server,
        cluster_folder=Path(cluster.path).absolute().parent,
        user=said,
        user_folder=user_file.absolute().parent,
        user_file=user_file,
        user_name=details.get("user") or "",
    )


def searched(explicit: str | None, environ: Mapping[str, str]) -> str:
    """Return where a kubeconfig is looked for, in words."""
    if explicit:
        return explicit
    return environ.get("KUBECONFIG") or str(Path("~/.kube/config"))


def _files(explicit: str | None, environ: Mapping[str, str]) -> list[str]:
    if explicit:
        return [explicit]
    if named := environ.get("KUBECONFIG"):
        return [path for path in named.split(os.pathsep) if path and os.path.exists(path)]
    usual = os.path.expanduser("~/.kube/config")
    return [usual] if os.path.exists(usual) else []


def _merged(paths: list[str]) -> dict[str, Any] | None:
    """Return what all files say together, each entry with the path of its file."""
    if not paths:
        return None
    merged: dict[str, Any] = {"current-context": None, **{kind: [] for kind in _LISTS}}
    for path in paths:
        config = _read(path)
        merged["current-context"] = merged["current-context"] or config.get("current-context")
        for kind in _LISTS:
            known = {entry["name"] for entry in merged[kind]}
            for entry in config.get(kind) or []:
                if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
                    raise UsageError(f"The kubeconfig {path} is not valid: an entry of its {kind} has no name")
                if entry["name"] not in known:
                    merged[kind].append(ConfigNode(path, entry, path))
    return merged


def _read(path: str) -> dict[str, Any]:
    try:
        with open(path, encoding="utf-8") as file:
            config = yaml.load(file, Loader=_YAML)
    except OSError as exc:
        raise UsageError(f"The kubeconfig {path} cannot be read: {exc.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as exc:
        where = getattr(exc, "problem_mark", None)
        line = f" (line {where.line + 1})" if where else ""
        # What stands there may be a secret: it is not quoted.
        raise UsageError(f"The kubeconfig {path} is not valid YAML{line}") from None
    if config is None:
        return {}
    if not isinstance(config, dict) or any(not isinstance(config.get(kind) or [], list) for kind in _LISTS):
        raise UsageError(f"The kubeconfig {path} is not valid: it has no lists of clusters, contexts and users")
    return config
