"""Decides which backends to ask: the one that the user named, or all that can answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kaito.errors import UsageError, WorkspaceMissingError
from kaito.hookspecs import Backend
from kaito.plugin.distributions import install_hints
from kaito.plugin.manager import Offered, Plugins
from kaito.settings import Settings
from kaito.util.program import program_name


def choose_backends(plugins: Plugins, settings: Settings) -> Mapping[str, Offered[Backend]]:
    """Return the backends to ask, by name.

    Raises:
        UsageError: `--backend` and `--endpoint` contradict each other, the backend does not exist, or a workspace is
            needed and none is given.
    """
    backends = plugins.backends(settings)
    name, endpoint = settings.backend, settings.target.endpoint
    named = backends.get(name)
    if name != "auto" and named is None:
        hints = install_hints(name) or [f"See '{program_name()} plugins'"]
        raise UsageError(f"--backend: '{name}' is not one of auto, {', '.join(sorted(backends))}", *hints)
    if endpoint is not None:
        if named is not None and not takes_endpoint(named.value):
            raise UsageError(f"--backend: '{name}' cannot be used with --endpoint")
        return {name: named} if named is not None else _only(backends, filter(takes_endpoint, _values(backends)))
    if named is not None:
        if takes_endpoint(named.value):
            raise UsageError(f"--backend: '{name}' requires --endpoint URL")
        if needs_workspace(named.value) and settings.target.workspace is None:
            raise workspace_missing(_values(backends))
        return {name: named}
    asked = [one for one in _values(backends) if not takes_endpoint(one)]
    if settings.target.workspace is None:
        asked = [one for one in asked if not needs_workspace(one)]
        if not asked:
            raise workspace_missing(_values(backends))
    return _only(backends, asked)


def needs_workspace(backend: Backend) -> bool:
    """Return whether a backend requires `--workspace-name`; it does unless it says otherwise."""
    return bool(getattr(backend, "needs_workspace", True))


def takes_endpoint(backend: Backend) -> bool:
    """Return whether a backend opens the URL of `--endpoint`, and nothing else."""
    return bool(getattr(backend, "takes_endpoint", False))


def workspace_missing(backends: Iterable[Backend]) -> WorkspaceMissingError:
    """Return the error for backends that need a workspace, with what can be used without one."""
    return WorkspaceMissingError("--workspace-name is required", without_cluster(backends))


def without_cluster(backends: Iterable[Backend], command: str = "") -> str:
    """Return the hint with what can be used without a cluster.

    Args:
        command: the command to use, if it is not the running one.
    """
    named = [f"--backend {one.name}" for one in backends if not needs_workspace(one) and not takes_endpoint(one)]
    flags = ["--endpoint URL", *named]
    if command:
        # Each in quotation marks, as a narrow window breaks the line between them only.
        quoted = [f"'{command} {flag}'" for flag in flags]
        return f"To chat without a cluster: {' or '.join(quoted)}"
    return f"Without a cluster, use {' or '.join(flags)}"


def _values(backends: Mapping[str, Offered[Backend]]) -> list[Backend]:
    return [offered.value for offered in backends.values()]


def _only(backends: Mapping[str, Offered[Backend]], asked: Iterable[Backend]) -> Mapping[str, Offered[Backend]]:
    return {backend.name: backends[backend.name] for backend in asked}
